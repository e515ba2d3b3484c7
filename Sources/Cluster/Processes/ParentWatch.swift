import CLinux
import Glibc

/// Ties the life of a process to that of the one that started it.
public enum ParentWatch {
    /// Has the kernel kill this process when its parent ends, however that ends.
    ///
    /// - Parameter pid: The process id of the parent, as the parent said; it may have ended before this call.
    /// - Throws: ``ParentGone`` when the parent has ended already, or the kernel refuses.
    public static func dieWithParent(pid: Int32) throws(ParentGone) {
        guard linux_die_with_parent() == 0 else {
            throw ParentGone(reason: "the kernel refuses to watch it: \(String(cString: strerror(errno)))")
        }
        // Whoever lost its parent before the request was adopted by another process.
        guard getppid() == pid else { throw ParentGone(reason: "it is not process \(pid) any more") }
    }
}

/// The process that started this one is gone or cannot be watched.
public struct ParentGone: Error, Sendable, Equatable, CustomStringConvertible {
    /// What is wrong with the parent.
    public let reason: String

    /// What is wrong and what to do, in one sentence.
    public var description: String { "the parent of this worker cannot be relied on: \(reason); start the run again" }
}
