//! Decides which seed carries a shoot. Pure: from a shoot and the seeds to a name or the reasons why none fits.
