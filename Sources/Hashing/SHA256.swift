import COpenSSL
import Foundation

/// SHA-256 (FIPS 180-4) over bytes that arrive in pieces.
///
/// - Determinism: the digest depends on the bytes alone, not on how they were cut into pieces.
public struct SHA256: ~Copyable {
    // The calls below fail only when libcrypto has no SHA-256 or no memory: neither is a state to go on from.
    private let context: OpaquePointer

    /// Starts on an empty sequence of bytes.
    public init() {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a digest") }
        precondition(EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1, "libcrypto does not offer SHA-256")
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Appends `bytes`.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        precondition(EVP_DigestUpdate(context, base, bytes.count) == 1, "libcrypto failed to hash")
    }

    /// Ends the sequence: the digest of all bytes appended.
    public consuming func finalize() -> Digest {
        var bytes = [UInt8](repeating: 0, count: Digest.byteCount)
        precondition(EVP_DigestFinal_ex(context, &bytes, nil) == 1, "libcrypto failed to end a hash")
        return Digest(bytes: bytes)
    }

    /// The digest of `bytes`.
    public static func hash(_ bytes: UnsafeRawBufferPointer) -> Digest {
        var state = SHA256()
        state.update(bytes)
        return state.finalize()
    }

    /// The digest of `bytes`, such as `[UInt8]` or `Data`.
    public static func hash(_ bytes: some ContiguousBytes) -> Digest {
        bytes.withUnsafeBytes { hash($0) }
    }

    /// The digest of the UTF-8 bytes of `text`.
    public static func hash(_ text: String) -> Digest { hash(Array(text.utf8)) }
}
