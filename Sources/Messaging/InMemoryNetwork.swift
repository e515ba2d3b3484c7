import Synchronization

/// A network inside one process, for tests: messages arrive at once and in order, and faults happen when they are asked for.
///
/// - Determinism: with one thread every history is repeatable; between threads only the order of different senders is open.
public final class InMemoryNetwork: Sendable {
    private struct Link: Hashable {
        let from: PeerID
        let to: PeerID
    }

    private struct State {
        var inboxes: [PeerID: Inbox] = [:]
        var listeners: [String: PeerID] = [:]
        /// The address under which one side dials another.
        var dialled: [Link: String] = [:]
        var connected: Set<Link> = []
        var dropped: Set<Link> = []
        var held: Set<Link> = []
        /// Messages that wait: for the listener to appear, or for `release`.
        var waiting: [Link: [[Frame]]] = [:]
    }

    private let state = Mutex(State())

    /// Makes a network without endpoints.
    public init() {}

    /// Adds an endpoint that listens at `address`, or only dials without one.
    ///
    /// - Throws: `TransportError.cannotListen` when someone listens there already.
    public func endpoint(_ id: PeerID, at address: String? = nil) throws(TransportError) -> InMemoryTransport {
        let inbox = Inbox(of: id)
        let isTaken = state.withLock { state in
            if let address {
                if state.listeners[address] != nil { return true }
                state.listeners[address] = id
            }
            state.inboxes[id] = inbox
            for (link, dialled) in state.dialled where dialled == address { Self.establish(link, in: &state) }
            return false
        }
        if isTaken, let address {
            throw .cannotListen(address: address, reason: "the address is already in use; choose another one")
        }
        return InMemoryTransport(id: id, address: address, inbox: inbox, network: self)
    }

    // MARK: Faults

    /// Makes messages from one peer to the other vanish, as on a link that is cut one way.
    public func drop(from: PeerID, to: PeerID) {
        state.withLock { _ = $0.dropped.insert(Link(from: from, to: to)) }
    }

    /// Cuts all links, both ways, between peers of different groups.
    public func partition(_ groups: [PeerID]...) {
        state.withLock { state in
            for (index, group) in groups.enumerated() {
                for other in groups[(index + 1)...].joined() {
                    for peer in group {
                        state.dropped.insert(Link(from: peer, to: other))
                        state.dropped.insert(Link(from: other, to: peer))
                    }
                }
            }
        }
    }

    /// Mends all links; what vanished stays lost.
    public func heal() {
        state.withLock { $0.dropped.removeAll() }
    }

    /// Keeps back messages from one peer to the other until `release`.
    public func hold(from: PeerID, to: PeerID) {
        state.withLock { _ = $0.held.insert(Link(from: from, to: to)) }
    }

    /// Delivers what was held back, in order, and holds no more.
    public func release(from: PeerID, to: PeerID) {
        let link = Link(from: from, to: to)
        state.withLock { state in
            state.held.remove(link)
            Self.flush(link, in: &state)
        }
    }

    /// Ends an endpoint as if its process had been killed: its inbox is lost, and its peers see a disconnection.
    public func kill(_ id: PeerID) {
        remove(id)?.discard()
    }

    // MARK: What endpoints do

    /// False when `from` is no longer on the network.
    func connect(_ from: PeerID, to: PeerID, at address: String) -> Bool {
        let link = Link(from: from, to: to)
        return state.withLock { state in
            guard state.inboxes[from] != nil else { return false }
            guard state.dialled[link] != address else { return true }
            state.dialled[link] = address
            state.connected.remove(link)
            if state.listeners[address] != nil { Self.establish(link, in: &state) }
            return true
        }
    }

    func disconnect(_ from: PeerID, from to: PeerID) {
        let link = Link(from: from, to: to)
        state.withLock { state in
            state.dialled[link] = nil
            state.waiting[link] = nil
            guard state.connected.remove(link) != nil else { return }
            state.inboxes[to]?.push(.disconnected(from))
        }
    }

    /// False when `from` is no longer on the network.
    func send(_ frames: [Frame], from: PeerID, to: PeerID) -> Bool {
        let link = Link(from: from, to: to)
        return state.withLock { state in
            guard let inbox = state.inboxes[from] else { return false }
            if from == to {
                inbox.push(.message(from: from, frames: frames))
            } else if state.dropped.contains(link) {
                return true
            } else if state.held.contains(link) || (state.dialled[link] != nil && !state.connected.contains(link)) {
                state.waiting[link, default: []].append(frames)
            } else if state.connected.contains(link) || state.connected.contains(Link(from: to, to: from)) {
                state.inboxes[to]?.push(.message(from: from, frames: frames))
            } else {
                inbox.push(.unreachable(to, reason: "there is no connection to \(to)"))
            }
            return true
        }
    }

    /// Takes an endpoint off the network and closes its inbox, which is returned.
    @discardableResult
    func remove(_ id: PeerID) -> Inbox? {
        state.withLock { state in
            guard let inbox = state.inboxes.removeValue(forKey: id) else { return nil }
            inbox.close()
            state.listeners = state.listeners.filter { $0.value != id }
            state.dialled = state.dialled.filter { $0.key.from != id }
            state.waiting = state.waiting.filter { $0.key.from != id && $0.key.to != id }
            for link in state.connected where link.from == id || link.to == id {
                state.connected.remove(link)
                state.inboxes[link.from == id ? link.to : link.from]?.push(.disconnected(id))
            }
            return inbox
        }
    }

    private static func establish(_ link: Link, in state: inout State) {
        state.connected.insert(link)
        state.inboxes[link.from]?.push(.connected(link.to))
        if !state.held.contains(link) { flush(link, in: &state) }
    }

    private static func flush(_ link: Link, in state: inout State) {
        for frames in state.waiting.removeValue(forKey: link) ?? [] {
            state.inboxes[link.to]?.push(.message(from: link.from, frames: frames))
        }
    }
}
