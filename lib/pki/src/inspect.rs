//! What a signing request asks for.
//!
//! In: a PKCS#10 request as PEM, from somebody who is not trusted. Out: its subject and names, when they can be understood
//! in one way only. Whoever decides about a request and whoever signs it read it with different programs: what these could
//! read differently (a second common name, a second block of PEM, an attribute of another kind) is refused.

use std::net::IpAddr;

use rustls_pki_types::{CertificateSigningRequestDer, pem::PemObject};
use x509_parser::{
    certification_request::X509CertificationRequest,
    cri_attributes::ParsedCriAttribute,
    extensions::{GeneralName, ParsedExtension},
    oid_registry::{OID_X509_COMMON_NAME, OID_X509_ORGANIZATION_NAME},
    prelude::FromDer,
    x509::X509Name,
};

use crate::{Error, certificate::ip_address};

/// What a signing request asks for. It is signed by its own key; nothing else of it is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SigningRequestInfo {
    /// The subject's common name, or nothing.
    pub common_name: String,
    /// The subject's organizations.
    pub organizations: Vec<String>,
    /// Names it shall be good for.
    pub dns_names: Vec<String>,
    /// Addresses it shall be good for.
    pub ip_addresses: Vec<IpAddr>,
}

impl SigningRequestInfo {
    /// Reads a request that stands alone in a PEM text, and checks that it is signed by its own key.
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        let alone = pem.trim_start().starts_with("-----BEGIN CERTIFICATE REQUEST-----")
            && pem.matches("-----BEGIN").count() == 1
            && pem.trim_end().ends_with("-----END CERTIFICATE REQUEST-----");
        if !alone {
            return Err(ambiguous(
                "it must be one PEM block CERTIFICATE REQUEST, and nothing else",
            ));
        }
        let der = CertificateSigningRequestDer::from_pem_slice(pem.as_bytes()).map_err(Error::BadPem)?;
        Self::from_der(&der)
    }

    fn from_der(der: &[u8]) -> Result<Self, Error> {
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|error| Error::AmbiguousRequest(error.to_string()))?;
        if !rest.is_empty() {
            return Err(ambiguous("something follows the request"));
        }
        request
            .verify_signature()
            .map_err(|_| ambiguous("it is not signed by its own key"))?;
        let mut info = Self::default();
        info.read_subject(&request.certification_request_info.subject)?;
        let mut lists_of_names = 0;
        for attribute in request.certification_request_info.iter_attributes() {
            let ParsedCriAttribute::ExtensionRequest(requested) = attribute.parsed_attribute() else {
                continue;
            };
            for extension in &requested.extensions {
                if let ParsedExtension::SubjectAlternativeName(names) = extension.parsed_extension() {
                    lists_of_names += 1;
                    names.general_names.iter().try_for_each(|name| info.read_name(name))?;
                }
            }
        }
        if lists_of_names > 1 {
            return Err(ambiguous("it has several lists of alternative names"));
        }
        Ok(info)
    }

    fn read_subject(&mut self, subject: &X509Name<'_>) -> Result<(), Error> {
        let mut common_names = Vec::new();
        for attribute in subject.iter_attributes() {
            let text = attribute.as_str();
            let text = text
                .map_err(|_| ambiguous("a part of its subject is no plain text"))?
                .to_owned();
            let kind = attribute.attr_type();
            if *kind == OID_X509_COMMON_NAME {
                common_names.push(text);
            } else if *kind == OID_X509_ORGANIZATION_NAME {
                self.organizations.push(text);
            } else {
                return Err(ambiguous(
                    "its subject has parts other than common name and organizations",
                ));
            }
        }
        if common_names.len() > 1 {
            return Err(ambiguous("its subject has several common names"));
        }
        self.common_name = common_names.pop().unwrap_or_default();
        Ok(())
    }

    fn read_name(&mut self, name: &GeneralName<'_>) -> Result<(), Error> {
        match name {
            GeneralName::DNSName(name) => self.dns_names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => {
                let address = ip_address(bytes).ok_or_else(|| ambiguous("one of its addresses is none"))?;
                self.ip_addresses.push(address);
            }
            _ => return Err(ambiguous("it has alternative names other than DNS names and addresses")),
        }
        Ok(())
    }
}

fn ambiguous(reason: &str) -> Error {
    Error::AmbiguousRequest(reason.to_owned())
}
