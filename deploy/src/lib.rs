//! What operator, gardenlet and bring-up share and is not pure: secrets manager, applying a plan, waiting.
