"""The report's figures, one file each: what it shows, its caption and how it is drawn."""
