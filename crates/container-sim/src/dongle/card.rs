//! The card: a state machine of parsed commands. Command x security state -> handler, without a wildcard arm.

use licensing_core::Entropy;
use licensing_core::access::{AccessRefusal, AccessRequest};
use licensing_core::codec::{Decode, Encode, decode, encode};
use licensing_core::crypto::seal::SealingKey;
use licensing_core::crypto::sign::SigningKey;
use licensing_core::device::{DeviceState, NewDevice};
use licensing_core::format::certificate::DeviceCertificate;
use licensing_core::ids::{ContainerKind, ContainerSerial, FirmCode};
use licensing_core::limits::{FILE_BYTES_MAX, UPDATE_BYTES_MAX};
use licensing_core::random;
use licensing_core::time::Timestamp;
use licensing_core::trust::emulator_maker;

use crate::container::{ContainerError, FirmInfo};
use crate::dongle::apdu::{CHAINING, Command, Status};
use crate::dongle::{CAPACITY, file_name, flash, flash_name, image};
use crate::storage::Storage;

/// The application identifier of the license application (proprietary, unregistered).
pub(super) const AID: &[u8] = b"\xF0openlic1";

/// What the chip remembers.
#[derive(Clone, Encode, Decode)]
pub(super) struct ChipState {
    pub(super) device: DeviceState,
    flash_bytes: u64,
    flash_key: [u8; 32],
}

impl ChipState {
    pub(super) fn parse(payload: &[u8]) -> Result<Self, ContainerError> {
        decode::<_, FILE_BYTES_MAX>(payload).map_err(|error| ContainerError::Damaged(error.into()))
    }
}

/// What GET INFO tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub(super) struct CardInfo {
    /// Serial.
    pub(super) serial: ContainerSerial,
    /// Flash memory, in bytes.
    pub(super) flash_bytes: u64,
    /// Made on simulated host traits.
    pub(super) test_host: bool,
}

/// What GET ERROR tells.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) enum CardError {
    Access(AccessRefusal),
    Other { code: String, message: String },
}

/// An access, with the time the host says it is.
#[derive(Debug, Clone, Copy, Encode, Decode)]
pub(super) struct CardAccess {
    pub(super) firm_code: FirmCode,
    pub(super) request: AccessRequest,
    pub(super) challenge: [u8; 32],
    pub(super) now: Timestamp,
}

/// Instructions of the license application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instruction {
    Select = 0xA4,
    GetResponse = 0xC0,
    GetInfo = 0x10,
    ReadFirms = 0x12,
    CreateContext = 0x20,
    ApplyUpdate = 0x22,
    Check = 0x30,
    Consume = 0x32,
    Prove = 0x34,
    ReadFlash = 0x40,
    WriteFlash = 0x42,
    GetError = 0x50,
}

impl Instruction {
    fn parse(class: u8, instruction: u8) -> Result<Self, Status> {
        let known: &[Self] = match class {
            0x00 => &[Self::Select, Self::GetResponse],
            0x80 => &[
                Self::GetInfo,
                Self::ReadFirms,
                Self::CreateContext,
                Self::ApplyUpdate,
                Self::Check,
                Self::Consume,
                Self::Prove,
                Self::ReadFlash,
                Self::WriteFlash,
                Self::GetError,
            ],
            _ => return Err(Status::CLASS),
        };
        known.iter().copied().find(|known| *known as u8 == instruction).ok_or(Status::INSTRUCTION)
    }

    /// Whether the license application must be selected first.
    const fn needs_selection(self) -> bool {
        !matches!(self, Self::Select | Self::GetResponse)
    }
}

/// An emulated card in its reader.
pub struct Card {
    storage: Box<dyn Storage>,
    entropy: Box<dyn Entropy + Send>,
    state: ChipState,
    /// The clock as it is in storage.
    stored_clock: Timestamp,
    sequence: u64,
    selected: bool,
    chain: Vec<u8>,
    response: Vec<u8>,
    error: Option<CardError>,
}

impl Card {
    /// Makes a new dongle with `flash_bytes` of flash memory, certified by the emulator's maker key.
    ///
    /// # Errors
    /// The storage failed.
    pub fn make(
        mut storage: Box<dyn Storage>,
        mut entropy: Box<dyn Entropy + Send>,
        flash_bytes: u64,
        test_host: bool,
        now: Timestamp,
    ) -> Result<Self, ContainerError> {
        let new = NewDevice {
            kind: ContainerKind::Dongle,
            identity: SigningKey::generate(entropy.as_mut()),
            sealing: SealingKey::generate(entropy.as_mut()),
            capacity: CAPACITY,
            test_host,
        };
        let mut device = DeviceState::new(new, now);
        let certificate = DeviceCertificate {
            serial: device.serial,
            identity_key: device.identity_key(),
            sealing_key: device.sealing.public_key(),
            made_at: now,
        };
        device.certificate = Some(certificate.sign(&emulator_maker()));
        let flash_key = random(entropy.as_mut());
        let state = ChipState { device, flash_bytes, flash_key };
        image::create(storage.as_mut(), &file_name(state.device.serial), &encode(&state))?;
        Ok(Self::with(storage, entropy, state, 1))
    }

    /// Plugs a dongle in.
    ///
    /// # Errors
    /// There is no image, or it is damaged.
    pub fn insert(
        mut storage: Box<dyn Storage>,
        entropy: Box<dyn Entropy + Send>,
        serial: ContainerSerial,
    ) -> Result<Self, ContainerError> {
        let bytes = storage.read(&file_name(serial))?.ok_or(ContainerError::NotFound)?;
        let loaded = image::load(&bytes)?;
        let state = ChipState::parse(&loaded.payload)?;
        if state.device.serial != serial {
            return Err(ContainerError::NotFound);
        }
        image::finish(storage.as_mut(), &file_name(serial), &loaded)?;
        Ok(Self::with(storage, entropy, state, loaded.sequence))
    }

    fn with(
        storage: Box<dyn Storage>,
        entropy: Box<dyn Entropy + Send>,
        state: ChipState,
        sequence: u64,
    ) -> Self {
        let (chain, response) = (Vec::new(), Vec::new());
        let stored_clock = state.device.box_time;
        Self {
            storage,
            entropy,
            state,
            stored_clock,
            sequence,
            selected: false,
            chain,
            response,
            error: None,
        }
    }

    /// Sends a command to the card and gives its answer: data and status word.
    pub fn transmit(&mut self, apdu: &[u8]) -> Vec<u8> {
        let status = match Command::parse(apdu) {
            Some(command) => self.receive(command),
            None => {
                self.chain.clear();
                Err(Status::LENGTH)
            }
        };
        let (mut data, status) = match status {
            Ok(most) => self.next_response(most),
            Err(status) => (Vec::new(), status),
        };
        data.extend_from_slice(&status.0.to_be_bytes());
        data
    }

    /// The next part of the answer that is waiting.
    fn next_response(&mut self, most: usize) -> (Vec<u8>, Status) {
        let rest = self.response.split_off(most.min(self.response.len()));
        let data = std::mem::replace(&mut self.response, rest);
        match self.response.len() {
            0 => (data, Status::OK),
            left => (data, Status(Status::MORE.0 | u16::try_from(left).map_or(0, |left| left & 0xFF))),
        }
    }

    fn receive(&mut self, mut command: Command) -> Result<usize, Status> {
        let most = command.expected.map_or(0, |le| usize::try_from(le).unwrap_or(65_536));
        let more_follows = command.class & CHAINING != 0;
        let instruction =
            Instruction::parse(command.class & !CHAINING, command.instruction).inspect_err(|_| {
                self.chain.clear();
            })?;
        if instruction == Instruction::GetResponse {
            return Ok(most);
        }
        self.response.clear();
        if instruction.needs_selection() && !self.selected {
            return Err(Status::NOT_SELECTED);
        }
        if self.chain.len() + command.data.len() > UPDATE_BYTES_MAX {
            self.chain.clear();
            return Err(Status::CHAIN);
        }
        self.chain.append(&mut command.data);
        if more_follows {
            return Ok(0);
        }
        let data = std::mem::take(&mut self.chain);
        self.response = self.execute(instruction, &data)?;
        Ok(most)
    }

    fn execute(&mut self, instruction: Instruction, data: &[u8]) -> Result<Vec<u8>, Status> {
        let outcome = match instruction {
            Instruction::Select => {
                self.selected = data == AID;
                return if self.selected { Ok(Vec::new()) } else { Err(Status::NOT_FOUND) };
            }
            Instruction::GetError => {
                return Ok(self.error.take().map(|error| encode(&error)).unwrap_or_default());
            }
            Instruction::GetInfo => Ok(encode(&CardInfo {
                serial: self.state.device.serial,
                flash_bytes: self.state.flash_bytes,
                test_host: self.state.device.test_host,
            })),
            Instruction::ReadFirms => Ok(encode(&FirmInfo::all(&self.state.device))),
            Instruction::CreateContext => self.create_context(data),
            Instruction::ApplyUpdate => self.apply_update(data),
            Instruction::Check | Instruction::Consume | Instruction::Prove => self.access(instruction, data),
            Instruction::ReadFlash => self.read_flash(data),
            Instruction::WriteFlash => self.write_flash(data),
            Instruction::GetResponse => return Err(Status::INSTRUCTION),
        };
        outcome.map_err(|error| match error {
            ContainerError::Card(status) => Status(status),
            ContainerError::Storage(_) => Status::MEMORY,
            error => {
                self.error = Some(match error {
                    ContainerError::Access(refusal) => CardError::Access(refusal),
                    other => CardError::Other { code: other.code().to_owned(), message: other.to_string() },
                });
                Status::REFUSED
            }
        })
    }

    /// Stores a new state: old or new after a power cut. The command answers only afterwards.
    fn commit(&mut self, device: DeviceState) -> Result<(), ContainerError> {
        let state = ChipState { device, ..self.state.clone() };
        let name = file_name(state.device.serial);
        if let Err(error) = image::commit(self.storage.as_mut(), &name, self.sequence + 1, &encode(&state)) {
            // What the chip holds now is unknown until it is plugged in again.
            self.selected = false;
            return Err(error.into());
        }
        self.stored_clock = state.device.box_time;
        (self.state, self.sequence) = (state, self.sequence + 1);
        Ok(())
    }

    fn create_context(&mut self, data: &[u8]) -> Result<Vec<u8>, ContainerError> {
        let (firm_code, now): (FirmCode, Timestamp) = parse(data)?;
        let mut device = self.state.device.clone();
        let context = device.make_context(firm_code, random(self.entropy.as_mut()), Vec::new(), now)?;
        self.commit(device)?;
        Ok(context)
    }

    fn apply_update(&mut self, data: &[u8]) -> Result<Vec<u8>, ContainerError> {
        let applied = self.state.device.apply_update(data)?;
        self.commit(applied.state)?;
        Ok(encode(&applied.report))
    }

    fn access(&mut self, instruction: Instruction, data: &[u8]) -> Result<Vec<u8>, ContainerError> {
        let access: CardAccess = parse(data)?;
        let (firm_code, request, now) = (access.firm_code, &access.request, access.now);
        if instruction == Instruction::Prove {
            return Ok(encode(&self.state.device.prove(firm_code, request, &access.challenge, now)?));
        }
        if instruction == Instruction::Check {
            return Ok(encode(&self.state.device.check(firm_code, request, now)?));
        }
        let mut device = self.state.device.clone();
        let usable = device.consume(firm_code, request, now)?;
        if device.can_wait(&self.state.device, self.stored_clock) {
            self.state.device = device;
        } else {
            self.commit(device)?;
        }
        Ok(encode(&usable))
    }

    fn flash_block(&self, block: u64) -> Result<String, ContainerError> {
        let end = block.checked_add(1).and_then(|next| next.checked_mul(flash::BLOCK as u64));
        if end.is_none_or(|end| end > self.state.flash_bytes) {
            return Err(ContainerError::Flash("there is no such block"));
        }
        Ok(flash_name(self.state.device.serial))
    }

    fn read_flash(&mut self, data: &[u8]) -> Result<Vec<u8>, ContainerError> {
        let block: u64 = parse(data)?;
        let name = self.flash_block(block)?;
        flash::read(self.storage.as_ref(), &name, &self.state.flash_key, block)
    }

    fn write_flash(&mut self, data: &[u8]) -> Result<Vec<u8>, ContainerError> {
        let (block, content): (u64, Vec<u8>) = parse(data)?;
        let name = self.flash_block(block)?;
        if content.len() > flash::BLOCK {
            return Err(ContainerError::Flash("a block has 4096 bytes"));
        }
        flash::write(self.storage.as_mut(), &name, &self.state.flash_key, block, &content)?;
        Ok(Vec::new())
    }
}

fn parse<T: Encode + Decode<()>>(data: &[u8]) -> Result<T, ContainerError> {
    decode::<T, 8192>(data).map_err(|_| ContainerError::Card(Status::DATA.0))
}
