//! The image vector: from a component's name to the image it runs.
