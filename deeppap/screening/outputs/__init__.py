"""What screening writes: tables, GeoJSON for QuPath, pictures and the gallery."""
