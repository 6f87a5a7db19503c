//! The licenses of one computer: its containers, and access to the products in them.
//!
//! [`Computer`] is all a program needs: it goes through the license runtime when that runs, and to the files
//! otherwise. [`Registry`] is the files alone; [`OwnerHandle`], [`local`] and `agent` are what the runtime is
//! made of.
//!
//! # Example: may this program run?
//! ```no_run
//! use license_runtime::{Computer, Places};
//! use licensing_core::access::AccessRequest;
//! use licensing_core::ids::{FirmCode, ProductCode};
//!
//! let places = Places::below("/home/me/.local/share/open-license".as_ref(), "/home/me/.local/state/open-license".as_ref());
//! let mut computer = Computer::open(places)?;
//! let firm = FirmCode::new(6_000_010).unwrap();
//! let request = AccessRequest::product(ProductCode::new(201_000).unwrap());
//! let found = computer.check(firm, &request)?;
//! println!("usable: {}", found.outcome.is_ok());
//! # Ok::<(), license_runtime::RuntimeError>(())
//! ```

mod access;
#[cfg(feature = "agent")]
pub mod agent;
mod computer;
mod consent;
pub mod local;
mod owner;
mod registry;
mod system;
mod vendor_files;

pub use access::{Answer, Found, Source, Warning};
pub use computer::{BindingState, Computer};
pub use consent::Consent;
pub use owner::OwnerHandle;
pub use registry::{Listed, Places, Registry, RuntimeError};
pub use system::{SystemClock, SystemEntropy};

pub use container_sim::binding::{BindingOutline, BindingReport, OutlinedTrait, Repair, TraitState};
pub use container_sim::{Container, ContainerError, FirmInfo, FlashFile, FlashInfo, ProductInfo};
