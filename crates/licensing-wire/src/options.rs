//! Option texts as used on the command line and in JSON: dates, periods, feature maps, policies.
