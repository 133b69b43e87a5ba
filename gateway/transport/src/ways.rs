//! One table per vocabulary of faults: a row for each way in which a peer or a setting is wrong.

/// Writes an enum with a snake_case name and a sentence per variant; a variant may carry a number.
macro_rules! ways {
    ($(#[$about:meta])* pub enum $faults:ident {
        $($variant:ident $({ $field:ident: $type:ty })? $name:literal $sentence:literal,)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $faults {
            $($variant $({ $field: $type })?,)*
        }

        impl $faults {
            /// The names of all ways, in the order of the table.
            pub const NAMES: &'static [&'static str] = &[$($name,)*];

            /// The snake_case name that counters and logs use.
            pub const fn name(self) -> &'static str {
                match self {
                    $($faults::$variant { .. } => $name,)*
                }
            }
        }

        impl std::fmt::Display for $faults {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match *self {
                    $($faults::$variant $({ $field })? => {
                        f.write_str($sentence)?;
                        $(write!(f, " ({}: {})", stringify!($field), $field)?;)?
                        Ok(())
                    })*
                }
            }
        }

        impl std::error::Error for $faults {}
    };
}

pub(crate) use ways;
