import CLinux
import Glibc

/// Memory that processes of one host share.
///
/// It is a file without a name that lives in memory, so nothing is left behind however its users end: the kernel frees
/// it with the last mapping. The process that makes it tells the others where to find it with an `Offer`.
package final class SharedRegion: @unchecked Sendable {  // The mapping is fixed; its users order their accesses.
    /// Where another process finds a region.
    package struct Offer: Hashable, Sendable {
        /// The process that made it, and its descriptor there.
        package let pid, descriptor: Int32
        /// The number of usable bytes.
        package let count: Int
        /// What the region starts with, so that a process id used again cannot stand for another region.
        package let token: UInt64

        package init(pid: Int32, descriptor: Int32, count: Int, token: UInt64) {
            self.pid = pid
            self.descriptor = descriptor
            self.count = count
            self.token = token
        }
    }

    /// The usable bytes, aligned to a page; zero at first.
    package let base: UnsafeMutableRawPointer
    /// Where others find the region while `closeDoor` has not been called.
    package let offer: Offer
    private var descriptor: Int32

    /// What a mapping is made of.
    package static let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    /// The token lies in a page of its own.
    private static let headerBytes = pageBytes

    /// Makes a region of `count` zero bytes.
    ///
    /// - Throws: `TransportError.system` when the system has no memory or descriptors left.
    package init(creating count: Int) throws(TransportError) {
        descriptor = linux_memfd("convoy")
        guard descriptor >= 0 else { throw Self.failure("making shared memory") }
        let total = count + Self.headerBytes
        guard ftruncate(descriptor, off_t(total)) == 0, let memory = Self.map(descriptor, total) else {
            let failure = Self.failure("making \(total) bytes of shared memory")
            close(descriptor)
            throw failure
        }
        let token = UInt64.random(in: 1 ... .max)
        memory.storeBytes(of: token, as: UInt64.self)
        base = memory + Self.headerBytes
        offer = Offer(pid: getpid(), descriptor: descriptor, count: count, token: token)
    }

    /// Opens the region that another process offers.
    ///
    /// - Throws: `TransportError.system` when it is not there any more or may not be opened.
    package init(opening offer: Offer) throws(TransportError) {
        let path = "/proc/\(offer.pid)/fd/\(offer.descriptor)"
        descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("opening shared memory at \(path)") }
        let total = offer.count + Self.headerBytes
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size == total, let memory = Self.map(descriptor, total),
            memory.load(as: UInt64.self) == offer.token
        else {
            close(descriptor)
            throw .system(
                operation: "opening shared memory at \(path)", reason: "it is not the memory that was offered")
        }
        base = memory + Self.headerBytes
        self.offer = offer
    }

    deinit {
        closeDoor()
        munmap(base - Self.headerBytes, offer.count + Self.headerBytes)
    }

    /// Closes the descriptor: nobody can open the region any more, those who have opened it keep it.
    package func closeDoor() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// The pages `pieces` of the region, in bytes, one after the other; the door must be open.
    ///
    /// - Throws: `TransportError.system` when the system has no room for so many mappings.
    package func view(_ pieces: [Range<Int>]) throws(TransportError) -> SharedView {
        precondition(descriptor >= 0, "the region's door is closed")
        let count = pieces.reduce(0) { $0 + $1.count }
        guard let base = mmap(nil, count, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), base != MAP_FAILED else {
            throw Self.failure("making room for \(count) bytes of shared memory")
        }
        let view = SharedView(base, count)
        var place = base
        for piece in pieces {
            let memory = mmap(
                place, piece.count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor,
                off_t(Self.headerBytes + piece.lowerBound))
            guard memory != MAP_FAILED else { throw Self.failure("mapping shared memory in \(pieces.count) pieces") }
            place += piece.count
        }
        return view
    }

    private static func map(_ descriptor: Int32, _ count: Int) -> UnsafeMutableRawPointer? {
        let memory = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        return memory == MAP_FAILED ? nil : memory
    }

    private static func failure(_ operation: String) -> TransportError {
        .system(operation: operation, reason: String(cString: strerror(errno)).lowercased())
    }
}

/// Pages of a region, in another order than they have there; it lasts as long as this object.
package final class SharedView: @unchecked Sendable {  // The mapping is fixed; its users order their accesses.
    /// The bytes, aligned to a page.
    package let base: UnsafeMutableRawPointer
    private let count: Int

    fileprivate init(_ base: UnsafeMutableRawPointer, _ count: Int) {
        self.base = base
        self.count = count
    }

    deinit { munmap(base, count) }
}
