//! Controllers of the garden cluster: projects, seed lifecycle, references.
