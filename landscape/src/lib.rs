//! A landscape on one machine: upstream components, images, bring-up and tear-down.
