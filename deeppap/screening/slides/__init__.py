"""Field images and slides behind one interface: pixels by boxes, with what could not be read named."""
