# How the CPU build is configured.
options=(-DCPU_ONLY=ON)
