//! What a vendor builds into a program: may it run, with proof; and if not, a request file for the vendor.
//!
//! ```text
//! embedding-example HOME FIRM-CODE PRODUCT-CODE PROOF-PUBLIC-KEY REQUEST-FILE
//! ```
//!
//! Exit code 0: licensed and proven; 3: not licensed, the request file was written.

use std::path::Path;
use std::process::ExitCode;

use license_runtime::{Computer, Places, RuntimeError, SystemEntropy};
use licensing_core::access::AccessRequest;
use licensing_core::crypto::sign::PublicKey;
use licensing_core::ids::{FirmCode, ProductCode};
use licensing_core::random;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [home, firm, product, key, file] = arguments.as_slice() else {
        eprintln!("usage: embedding-example HOME FIRM-CODE PRODUCT-CODE PROOF-PUBLIC-KEY REQUEST-FILE");
        return ExitCode::from(2);
    };
    let (Ok(firm), Ok(product), Some(key)) = (firm.parse(), product.parse(), public_key(key)) else {
        eprintln!("firm code, product code or key is malformed");
        return ExitCode::from(2);
    };
    match licensed(Path::new(home), firm, product, &key, Path::new(file)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// In a real program the key is a constant: it is printed when the item is created.
fn public_key(hex: &str) -> Option<PublicKey> {
    let digits: Vec<u8> =
        (0..hex.len()).step_by(2).map_while(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect();
    PublicKey::new(digits.try_into().ok()?).ok()
}

fn licensed(
    home: &Path,
    firm: FirmCode,
    product: ProductCode,
    key: &PublicKey,
    request_file: &Path,
) -> Result<bool, RuntimeError> {
    let mut computer = Computer::open(Places::below(home, &home.join("state")))?;
    let request = AccessRequest::product(product);
    // A fresh challenge each time, so that a recorded answer is worth nothing.
    let challenge = random::<32>(&mut SystemEntropy::default());
    // Through the license runtime when it runs, from the files otherwise.
    let found = computer.prove(firm, &request, &challenge)?;
    for warning in &found.warnings {
        eprintln!("container {} was left out: {}", warning.serial, warning.error);
    }
    match found.outcome {
        Ok(answer) if answer.value.verify(key, firm, product, &challenge).is_ok() => {
            println!("licensed and proven by {}", answer.source);
            Ok(true)
        }
        Ok(answer) => {
            println!("{} claims a license it cannot prove", answer.source);
            Ok(false)
        }
        Err(refusal) => {
            println!("not licensed: {refusal}");
            write_request(&mut computer, firm, request_file)?;
            Ok(false)
        }
    }
}

/// Makes a request file from the first container that opens, or from a new dongle.
fn write_request(computer: &mut Computer, firm: FirmCode, file: &Path) -> Result<(), RuntimeError> {
    let mut container = match computer.list()?.into_iter().find_map(|listed| listed.container.ok()) {
        Some(container) => container,
        None => computer.create_dongle(0)?,
    };
    let now = computer.clock().now();
    let context = container.create_context(firm, now, computer.entropy())?;
    std::fs::write(file, context)?;
    println!("send {} to the vendor, or upload it in the portal", file.display());
    Ok(())
}
