import Synchronization

/// Shared memory through which one worker hands small sums to others, packet by packet.
///
/// Each packet ends with the number of its sum. So one look tells that its elements are there, while those of the next
/// packets are on their way already; a counter beside them would have to travel first (as in the low-latency protocols of
/// NCCL).
struct SlotPackets: @unchecked Sendable {  // A packet's number is atomic and orders the accesses to its elements.
    /// The bytes of a packet, four cache lines, and the elements in it: the last four bytes are the number.
    static let packetBytes = 256
    static let packetElements = 63

    private let base: UnsafeMutableRawPointer

    /// The packets at `base`, which is aligned to cache lines and zero when it is first used.
    init(at base: UnsafeMutableRawPointer) { self.base = base }

    /// How many packets `count` elements need; one even for none, whose number says that its writer has come.
    static func packets(for count: Int) -> Int { max((count + packetElements - 1) / packetElements, 1) }

    /// Writes `count` elements as the sum `number`.
    func write(_ source: UnsafePointer<Float>, count: Int, number: UInt32) {
        for packet in 0..<Self.packets(for: count) {
            let (first, length) = Self.elements(of: packet, of: count)
            memory(packet).copyMemory(from: source + first, byteCount: length * 4)
            self.number(of: packet).pointee.store(number, ordering: .releasing)
        }
    }

    /// Whether the elements of `packet` are those of the sum `number`.
    func holds(_ packet: Int, of number: UInt32) -> Bool {
        self.number(of: packet).pointee.load(ordering: .acquiring) == number
    }

    /// Copies the elements of `packet`, one of those for `count` elements, to their place in `destination`.
    func copy(_ packet: Int, of count: Int, into destination: UnsafeMutablePointer<Float>) {
        let (first, length) = Self.elements(of: packet, of: count)
        UnsafeMutableRawPointer(destination + first).copyMemory(from: memory(packet), byteCount: length * 4)
    }

    /// Adds the elements of `packet`, one of those for `count` elements, to the same elements of `own`.
    ///
    /// - Parameters:
    ///   - isLeft: Whether the packet is the left operand: which not-a-number wins is the same on all workers.
    ///   - destination: Where the sums go; may be `own`.
    func add(
        _ packet: Int, of count: Int, isLeft: Bool, to own: UnsafePointer<Float>,
        into destination: UnsafeMutablePointer<Float>
    ) {
        let (first, length) = Self.elements(of: packet, of: count)
        let (other, own) = (UnsafeRawPointer(memory(packet)), UnsafeRawPointer(own + first))
        Collectives.add(isLeft ? other : own, isLeft ? own : other, into: destination + first, count: length)
    }

    private static func elements(of packet: Int, of count: Int) -> (first: Int, length: Int) {
        let first = packet * packetElements
        return (first, min(packetElements, count - first))
    }

    private func memory(_ packet: Int) -> UnsafeMutableRawPointer { base + packet * Self.packetBytes }

    private func number(of packet: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
        (memory(packet) + Self.packetElements * 4).assumingMemoryBound(to: Atomic<UInt32>.self)
    }
}
