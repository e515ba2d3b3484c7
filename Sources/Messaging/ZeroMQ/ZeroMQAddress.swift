/// An address in ZeroMQ's notation, taken apart as far as this module needs.
///
/// `tcp://HOST:PORT`, where a listener may give `*` or an address of all interfaces as host and `0` or `*` as port, or
/// `ipc://@NAME`, an abstract socket of this host that leaves no file.
enum ZeroMQAddress {
    case tcp(host: String, port: UInt16?)
    case ipc

    /// Takes `text` apart; the error is a sentence that says what is wrong.
    init(_ text: String) throws(Malformed) {
        if text.hasPrefix("ipc://@"), text.utf8.count > 7 {
            // The kernel's limit for a socket's name is 108 bytes, with one for the mark of an abstract name.
            guard text.utf8.count <= 6 + 107 else { throw Malformed("the name is longer than 106 bytes") }
            self = .ipc
            return
        }
        guard text.hasPrefix("tcp://"), let colon = text.lastIndex(of: ":") else {
            throw Malformed("write it as tcp://HOST:PORT or ipc://@NAME")
        }
        let start = text.index(text.startIndex, offsetBy: 6)
        guard start < colon else { throw Malformed("write it as tcp://HOST:PORT or ipc://@NAME") }
        let port = text[text.index(after: colon)...]
        if port == "*" || port == "0" {
            self = .tcp(host: String(text[start..<colon]), port: nil)
        } else if let number = UInt16(port) {
            self = .tcp(host: String(text[start..<colon]), port: number)
        } else {
            throw Malformed("\"\(port)\" is not a port; use a number from 1 to 65535")
        }
    }

    struct Malformed: Error {
        let reason: String
        init(_ reason: String) { self.reason = reason }
    }

    /// Whether `host` stands for all interfaces, so that nobody can dial it.
    static func isWildcard(_ host: String) -> Bool {
        ["*", "0.0.0.0", "[::]", "::"].contains(host)
    }
}
