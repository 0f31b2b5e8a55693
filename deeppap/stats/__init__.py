"""Numbers in, numbers out: metrics, intervals, calibration, baselines, views."""
