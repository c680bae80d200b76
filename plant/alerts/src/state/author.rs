//! [`Author`] and [`ServerName`]: who decided something about an alert, and which server found it.

use sqal_core::Name;

/// The person or program that decided something, as the register records it.
pub type Author = Name<64>;

/// The name of a server, unique among the servers that share a database.
pub type ServerName = Name<64>;
