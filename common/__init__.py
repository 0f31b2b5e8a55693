"""What every part of the project shares: errors, files, folders of a run, Caffe's messages."""
