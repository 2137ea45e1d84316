//! Text data of InternalSecrets.

use apimachinery::meta::ByteString;

use crate::core::v1beta1::InternalSecret;

/// Moves `stringData`, which is for writing only, into `data`; on the same key it wins.
pub fn merge_string_data(secret: &mut InternalSecret) {
    for (key, text) in std::mem::take(&mut secret.string_data) {
        secret.data.insert(key, ByteString(text.into_bytes()));
    }
}
