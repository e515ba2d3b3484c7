import CZeroMQ

/// A received part of a message in libzmq's own memory, closed with the last frame on it.
final class ReceivedPart {
    private var message = zmq_msg_t()

    /// Takes the next part from `socket` without waiting; nil when there is none.
    init?(from socket: ZeroMQSocket) {
        zmq_msg_init(&message)
        if zmq_msg_recv(&message, socket.handle, ZMQ_DONTWAIT) < 0 { return nil }
    }

    deinit { zmq_msg_close(&message) }

    /// Whether more parts of the same message follow.
    var hasMore: Bool { zmq_msg_more(&message) == 1 }

    /// The descriptor of the connection that brought it, which tells a router's connections apart; nil without one.
    var connection: Int32? {
        let descriptor = zmq_msg_get(&message, ZMQ_SRCFD)
        return descriptor < 0 ? nil : descriptor
    }

    /// A frame on the part's bytes.
    var frame: Frame {
        // A message may hold small contents within itself, so its address must not change: the class sees to that.
        Frame(base: zmq_msg_data(&message), count: zmq_msg_size(&message), owner: self)
    }
}

extension Frame {
    /// Below this libzmq copies the bytes in any case, into its write batches.
    private static let smallestLent = 8192

    /// Gives the frame to `socket` without waiting: 0, or libzmq's error code.
    ///
    /// Large frames are lent: libzmq reads their memory and releases the owner when they are written or dropped.
    func send(on socket: ZeroMQSocket, more: Bool) -> Int32 {
        var message = zmq_msg_t()
        if count >= Self.smallestLent, let base, let owner {
            zmq_msg_init_data(
                &message, UnsafeMutableRawPointer(mutating: base), count,
                { _, hint in
                    if let hint { Unmanaged<AnyObject>.fromOpaque(hint).release() }
                }, Unmanaged<AnyObject>.passRetained(owner).toOpaque())
        } else {
            zmq_msg_init_size(&message, count)
            withBytes { bytes in
                if let source = bytes.baseAddress, count > 0 {
                    zmq_msg_data(&message).copyMemory(from: source, byteCount: count)
                }
            }
        }
        if zmq_msg_send(&message, socket.handle, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)) >= 0 { return 0 }
        let code = zmq_errno()
        zmq_msg_close(&message)
        return code
    }
}
