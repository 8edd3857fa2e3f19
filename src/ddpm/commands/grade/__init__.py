"""`ddpm grade`: every hand-in of a class, checked and laid side by side for a teacher."""
