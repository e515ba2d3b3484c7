import COpenSSL

/// MD5 (RFC 1321), which authors of data sets publish to find broken downloads; no protection against forgers.
public enum MD5 {
    /// The hexadecimal digest of the file at `path`.
    ///
    /// - Throws: ``HashingError`` when the file cannot be opened or read.
    public static func hash(file path: String) throws(HashingError) -> String {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory for a digest") }
        defer { EVP_MD_CTX_free(context) }
        precondition(EVP_DigestInit_ex(context, EVP_md5(), nil) == 1, "libcrypto does not offer MD5")
        _ = try FilePieces.read(path) { piece in
            precondition(EVP_DigestUpdate(context, piece.baseAddress, piece.count) == 1, "libcrypto failed to hash")
        }
        var bytes = [UInt8](repeating: 0, count: 16)
        precondition(EVP_DigestFinal_ex(context, &bytes, nil) == 1, "libcrypto failed to end a hash")
        return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
