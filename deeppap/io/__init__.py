"""Files and their contents: errors, complete-or-absent files, pixels, Caffe's messages."""
