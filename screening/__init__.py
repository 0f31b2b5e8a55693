<<<<<<< HEAD
"""Fields and slides: nuclei found, every cell scored, and written as other programs open it."""
=======
"""Fields and slides: find the nuclei, score every cell."""
>>>>>>> detect
