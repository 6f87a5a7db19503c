//! Every bound of the system in one place, named with its unit. Checked before anything is allocated.

/// Largest file of any of our formats, in bytes (dongle images and flash excepted, they are local).
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Largest context file, in bytes.
pub const CONTEXT_BYTES_MAX: usize = 256 << 10;
/// Largest update file, in bytes.
pub const UPDATE_BYTES_MAX: usize = 512 << 10;
/// Largest template file, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 16 << 10;
/// Largest certificate, in bytes.
pub const CERTIFICATE_BYTES_MAX: usize = 4 << 10;
/// Largest origin grant, in bytes: it travels in the address of a WebSocket.
pub const GRANT_BYTES_MAX: usize = 2 << 10;
/// Longest validity of an origin grant, in days.
pub const GRANT_DAYS_MAX: u32 = 400;
/// Largest manifest of a software package, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 4 << 10;
/// Largest content of a software package, and largest file in the flash memory of a dongle, in bytes.
pub const PACKAGE_BYTES_MAX: usize = 64 << 20;
/// Characters in the name of a file in flash memory.
pub const FLASH_NAME_CHARS_MAX: usize = 64;
/// Certificates carried by one envelope.
pub const CERTIFICATES_MAX: usize = 4;
/// Signatures carried by one envelope.
pub const SIGNATURES_MAX: usize = 4;

/// Characters in an item id, order id or customer id.
pub const ID_CHARS_MAX: usize = 64;
/// Characters in the name of a user.
pub const USER_NAME_CHARS_MAX: usize = 64;
/// Bytes of UTF-8 in a display name.
pub const NAME_BYTES_MAX: usize = 256;
/// Bytes of UTF-8 in a free text or comment.
pub const TEXT_BYTES_MAX: usize = 1024;

/// Largest quantity of one order line.
pub const QUANTITY_MAX: u32 = 1_000_000;
/// Order lines in one order.
pub const ORDER_LINES_MAX: usize = 1_000;
/// License lines named in one transfer request.
pub const TRANSFER_LINES_MAX: usize = 200;
/// Module items of one item.
pub const MODULES_MAX: usize = 64;

/// Product items one firm item can hold.
pub const PRODUCTS_PER_FIRM_MAX: usize = 2_000;
/// Firm items one container can hold.
pub const FIRMS_PER_CONTAINER_MAX: usize = 64;
/// Steps one update may carry.
pub const STEPS_PER_UPDATE_MAX: usize = 256;
/// Operations one step may carry.
pub const OPERATIONS_PER_STEP_MAX: usize = 400;
/// Removal records a firm item keeps until the server has confirmed them.
pub const REMOVALS_MAX: usize = 2_000;

/// Seconds a day.
pub const DAY_SECS: u64 = 86_400;
/// Longest period an item option may state, in days (a hundred years).
pub const PERIOD_DAYS_MAX: u32 = 36_525;
/// Last second a time stamp may name: 9999-12-31T23:59:59Z.
pub const TIMESTAMP_SECS_MAX: u64 = 253_402_300_799;
