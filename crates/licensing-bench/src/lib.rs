//! Measures the product against floors of the same run, and fills databases of any size. **For developers only.**

pub mod generate;
