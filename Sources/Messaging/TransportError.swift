/// Why a transport refuses a call.
public enum TransportError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The name cannot serve as a peer id.
    case invalidPeerID(String)
    /// This side cannot listen at the address.
    case cannotListen(address: String, reason: String)
    /// The address cannot be dialled.
    case cannotConnect(peer: PeerID, address: String, reason: String)
    /// A frame is larger than what peers accept, in bytes.
    case frameTooLarge(bytes: Int, limit: Int, peer: PeerID)
    /// The transport has been closed.
    case closed(PeerID)
    /// The installed libzmq is older than the oldest one without known holes.
    case libraryTooOld(version: String, needed: String)
    /// The system refused a resource.
    case system(operation: String, reason: String)

    /// One sentence: what failed and how to mend it.
    public var description: String {
        switch self {
        case .invalidPeerID(let name):
            "\"\(name)\" is not a peer id; give it 1 to 253 bytes that do not start with a zero byte"
        case .cannotListen(let address, let reason):
            "cannot listen at \(address): \(reason)"
        case .cannotConnect(let peer, let address, let reason):
            "cannot connect to \(peer) at \(address): \(reason)"
        case .frameTooLarge(let bytes, let limit, let peer):
            "a frame of \(bytes) bytes for \(peer) is larger than the \(limit) bytes that peers accept; send it in parts"
        case .closed(let id):
            "the transport of \(id) is closed; open a new one"
        case .libraryTooOld(let version, let needed):
            "libzmq \(version) is too old: it can be crashed before the handshake; install \(needed) or newer"
        case .system(let operation, let reason):
            "\(operation) failed: \(reason)"
        }
    }
}
