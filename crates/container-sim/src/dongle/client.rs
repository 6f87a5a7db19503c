//! A dongle as a container: everything through APDUs.

use licensing_core::Entropy;
use licensing_core::access::{AccessRequest, Usable};
use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::device::{ApplyReport, Proof};
use licensing_core::ids::{ContainerSerial, FirmCode, FlashName};
use licensing_core::limits::FILE_BYTES_MAX;
use licensing_core::time::Timestamp;

use crate::binding::BindingReport;
use crate::container::{Container, ContainerError, FirmInfo, FlashInfo};
use crate::dongle::apdu::{CHAINING, Command, Status};
use crate::dongle::card::{AID, Card, CardAccess, CardError, CardInfo, Instruction};
use crate::dongle::files::{self, Blocks};

/// Most data bytes sent in one command; longer data is chained.
const PART: usize = 4096;

/// A plugged-in dongle.
pub struct Dongle {
    card: Card,
    info: CardInfo,
}

impl Dongle {
    /// Selects the license application of a card.
    ///
    /// # Errors
    /// The card has none.
    pub fn connect(mut card: Card) -> Result<Self, ContainerError> {
        exchange(&mut card, 0x00, Instruction::Select, AID)?;
        let info = read(&mut card, Instruction::GetInfo, &[])?;
        Ok(Self { card, info })
    }

    fn access<T: Encode + Decode<()>>(
        &mut self,
        instruction: Instruction,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: [u8; 32],
        now: Timestamp,
    ) -> Result<T, ContainerError> {
        let access = CardAccess { firm_code, request: *request, challenge, now };
        read(&mut self.card, instruction, &encode(&access))
    }
}

fn read<T: Encode + Decode<()>>(
    card: &mut Card,
    instruction: Instruction,
    data: &[u8],
) -> Result<T, ContainerError> {
    let answer = exchange(card, 0x80, instruction, data)?;
    decode::<T, FILE_BYTES_MAX>(&answer).map_err(|error| ContainerError::Damaged(error.into()))
}

/// Sends a command, chained when its data is long, and collects the whole answer.
fn exchange(
    card: &mut Card,
    class: u8,
    instruction: Instruction,
    data: &[u8],
) -> Result<Vec<u8>, ContainerError> {
    let mut parts: Vec<&[u8]> = data.chunks(PART).collect();
    let last = parts.pop().unwrap_or_default();
    let command = |class, instruction: Instruction, data: &[u8], expected| Command {
        class,
        instruction: instruction as u8,
        p1: 0,
        p2: 0,
        data: data.to_vec(),
        expected,
    };
    for part in parts {
        let (_, status) = send(card, &command(class | CHAINING, instruction, part, None))?;
        if status != Status::OK {
            return Err(ContainerError::Card(status.0));
        }
    }
    let (mut answer, mut status) = send(card, &command(class, instruction, last, Some(65_536)))?;
    while status.0 & 0xFF00 == Status::MORE.0 {
        let (more, next) = send(card, &command(0x00, Instruction::GetResponse, &[], Some(65_536)))?;
        answer.extend_from_slice(&more);
        status = next;
    }
    match status {
        Status::OK => Ok(answer),
        Status::REFUSED => Err(refusal(card)?),
        Status::MEMORY => Err(std::io::Error::other("the memory of the card failed").into()),
        other => Err(ContainerError::Card(other.0)),
    }
}

fn send(card: &mut Card, command: &Command) -> Result<(Vec<u8>, Status), ContainerError> {
    let mut answer = card.transmit(&command.to_bytes());
    let low = answer.pop();
    let high = answer.pop();
    match (high, low) {
        (Some(high), Some(low)) => Ok((answer, Status(u16::from_be_bytes([high, low])))),
        _ => Err(ContainerError::Card(0)),
    }
}

/// Asks the card why it refused.
fn refusal(card: &mut Card) -> Result<ContainerError, ContainerError> {
    let error: CardError = read(card, Instruction::GetError, &[])?;
    Ok(match error {
        CardError::Access(refusal) => ContainerError::Access(refusal),
        CardError::Other { code, message } => ContainerError::Device { code, message },
    })
}

impl Blocks for Dongle {
    fn flash_bytes(&self) -> u64 {
        self.info.flash_bytes
    }

    fn read_flash(&mut self, block: u64) -> Result<Vec<u8>, ContainerError> {
        exchange(&mut self.card, 0x80, Instruction::ReadFlash, &encode(&block))
    }

    fn write_flash(&mut self, block: u64, content: &[u8]) -> Result<(), ContainerError> {
        exchange(&mut self.card, 0x80, Instruction::WriteFlash, &encode(&(block, content.to_vec())))
            .map(|_| ())
    }
}

impl Container for Dongle {
    fn serial(&self) -> ContainerSerial {
        self.info.serial
    }

    fn is_test(&self) -> bool {
        self.info.test_host
    }

    fn firms(&mut self) -> Result<Vec<FirmInfo>, ContainerError> {
        read(&mut self.card, Instruction::ReadFirms, &[])
    }

    fn register_template(&mut self, _: &[u8], _: &mut dyn Entropy) -> Result<(), ContainerError> {
        Err(ContainerError::NotSupported)
    }

    fn create_context(
        &mut self,
        firm_code: FirmCode,
        now: Timestamp,
        _: &mut dyn Entropy,
    ) -> Result<Vec<u8>, ContainerError> {
        exchange(&mut self.card, 0x80, Instruction::CreateContext, &encode(&(firm_code, now)))
    }

    fn import_update(&mut self, update: &[u8], _: &mut dyn Entropy) -> Result<ApplyReport, ContainerError> {
        read(&mut self.card, Instruction::ApplyUpdate, update)
    }

    fn check(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        now: Timestamp,
    ) -> Result<Usable, ContainerError> {
        self.access(Instruction::Check, firm_code, request, [0; 32], now)
    }

    fn consume(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        now: Timestamp,
        _: &mut dyn Entropy,
    ) -> Result<Usable, ContainerError> {
        self.access(Instruction::Consume, firm_code, request, [0; 32], now)
    }

    fn prove(
        &mut self,
        firm_code: FirmCode,
        request: &AccessRequest,
        challenge: &[u8; 32],
        now: Timestamp,
    ) -> Result<Proof, ContainerError> {
        self.access(Instruction::Prove, firm_code, request, *challenge, now)
    }

    fn binding_report(&mut self) -> Result<Option<BindingReport>, ContainerError> {
        Ok(None)
    }

    fn flash(&mut self) -> Result<FlashInfo, ContainerError> {
        files::info(self)
    }

    fn flash_store(&mut self, name: &FlashName, content: &[u8]) -> Result<(), ContainerError> {
        files::store(self, name, content)
    }

    fn flash_fetch(&mut self, name: &FlashName) -> Result<Vec<u8>, ContainerError> {
        files::fetch(self, name)
    }

    fn flash_remove(&mut self, name: &FlashName) -> Result<(), ContainerError> {
        files::remove(self, name)
    }
}
