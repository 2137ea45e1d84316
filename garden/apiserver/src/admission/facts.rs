//! What else must be known to decide about a Shoot.
//!
//! In: nothing; whoever fills it has read other objects. Out: answers that need no further reading.
//! Absent: the reading itself.

use api::core::v1beta1::{CloudProfile, ControllerRegistration, Project, Seed, Shoot};
use api::security::v1alpha1::CredentialsBinding;

/// The objects that a Shoot refers to, as they are at present. `None`: there is none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// The project whose namespace the Shoot lies in.
    pub(crate) project: Option<Project>,
    /// Its CloudProfile.
    pub(crate) cloud_profile: Option<CloudProfile>,
    /// Its Seed, if it names one.
    pub(crate) seed: Option<Seed>,
    /// Its CredentialsBinding, if it names one.
    pub(crate) credentials_binding: Option<CredentialsBinding>,
    /// `<namespace>/<name>` of the Secret that the CredentialsBinding refers to, if there is no such Secret.
    pub(crate) missing_credentials: Option<String>,
    /// What extensions offer.
    pub(crate) controller_registrations: Vec<ControllerRegistration>,
    /// Domains of the installation's Secrets with the role `default-domain`, the preferred one first.
    pub(crate) default_domains: Vec<String>,
    /// How many other shoots the Seed carries.
    pub(crate) shoots_on_seed: usize,
}

impl Facts {
    /// The name of the Shoot's CloudProfile, old or new style.
    pub(crate) fn cloud_profile_name(shoot: &Shoot) -> Option<&str> {
        let reference = shoot
            .spec
            .cloud_profile
            .as_ref()
            .map(|reference| reference.name.as_str());
        reference.or(shoot.spec.cloud_profile_name.as_deref())
    }

    /// The project's name, empty without a project.
    pub(crate) fn project_name(&self) -> &str {
        self.project
            .as_ref()
            .and_then(|project| project.metadata.name.as_deref())
            .unwrap_or_default()
    }

    /// Default domains that apply: the seed's own, else the installation's.
    pub(crate) fn domains(&self) -> Vec<&str> {
        let of_seed = self
            .seed
            .iter()
            .flat_map(|seed| &seed.spec.dns.defaults)
            .map(|default| default.domain.as_str());
        let of_seed: Vec<&str> = of_seed.collect();
        if of_seed.is_empty() {
            self.default_domains.iter().map(String::as_str).collect()
        } else {
            of_seed
        }
    }

    /// The domain that the Shoot gets by default.
    pub(crate) fn domain_of(&self, shoot: &Shoot) -> Option<String> {
        let name = shoot.metadata.name.as_deref()?;
        self.domains().first().map(|domain| self.domain_below(name, domain))
    }

    /// The one name that a Shoot may have below a default domain.
    pub(crate) fn domain_below(&self, shoot: &str, domain: &str) -> String {
        format!("{shoot}.{}.{domain}", self.project_name())
    }
}
