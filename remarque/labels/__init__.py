"""Labels: saying inside a picture how it was made, and reading what a picture says about itself."""
