"""The one pixel size that the nucleus net works at."""

WORK_MPP = 0.5  # micrometres a pixel of the net's input: a nucleus is 10 to 30 pixels wide
STRIDE = 2  # of the map that it gives
