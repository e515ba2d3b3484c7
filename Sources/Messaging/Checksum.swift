import CLinux

/// The CRC-32C of frames one after the other, as RFC 3720 defines it.
package func checksum(_ frames: Frame...) -> UInt32 {
    frames.reduce(0) { checksum, frame in
        frame.withBytes { linux_crc32c(checksum, $0.baseAddress, $0.count) }
    }
}
