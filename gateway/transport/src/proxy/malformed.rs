//! Every way in which a PROXY header can be wrong.

use crate::ways::ways;

ways! {
    /// One way in which a header can be wrong. All of them end the connection without an answer
    /// [proxy-protocol 2].
    pub enum Malformed {
        SignatureAbsent "proxy_signature_absent" "the connection does not begin with a header",
        // Version 1.
        LineTooLong "proxy_line_too_long" "no CRLF within 107 bytes",
        LineEndBroken "proxy_line_end_broken" "CR without LF, or LF without CR",
        LineNotPrintable "proxy_line_not_printable" "byte in the line that is not printable ASCII",
        ProtocolUnknown "proxy_protocol_unknown" "neither TCP4 nor TCP6 nor UNKNOWN",
        FieldsMiscounted "proxy_fields_miscounted" "not two addresses, two ports, one space each",
        AddressInvalid "proxy_address_invalid" "address is not one of its family",
        PortInvalid "proxy_port_invalid" "port is not a plain number below 65536",
        // Version 2.
        VersionUnknown { version: u8 } "proxy_version_unknown" "binary header is not version 2",
        CommandUnknown { command: u8 } "proxy_command_unknown" "neither LOCAL nor PROXY",
        FamilyUnknown { family: u8 } "proxy_family_unknown" "no such address family",
        TransportUnknown { transport: u8 } "proxy_transport_unknown" "no such transport",
        HeaderTooLong { bytes: u32 } "proxy_header_too_long" "header over the maximum",
        AddressesCut { bytes: u16 } "proxy_addresses_cut" "header ends inside its addresses",
        ValueCut { kind: u8 } "proxy_value_cut" "value ends behind its header, or is too short",
        ValueTwice { kind: u8 } "proxy_value_twice" "value given twice",
        TypeCut "proxy_type_cut" "header ends inside a type or length",
        TextInvalid { kind: u8 } "proxy_text_invalid" "text is not UTF-8, or holds controls",
        UniqueIdTooLong { bytes: u16 } "proxy_unique_id_too_long" "unique id over 128 bytes",
        ChecksumLength { bytes: u16 } "proxy_checksum_length" "checksum does not have four bytes",
        ChecksumWrong "proxy_checksum_wrong" "checksum does not fit the header",
    }
}

const _: () = assert!(size_of::<Malformed>() <= 8);
