import Foundation

/// Who can share memory with whom.
public enum SharedMemoryDomain {
    /// A name that is the same for processes of one host, one container and one user.
    ///
    /// Empty when the system does not tell enough to be sure.
    public static var current: String {
        guard let boot = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8),
            let processes = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
        else { return "" }
        return "\(boot.trimmingCharacters(in: .whitespacesAndNewlines)) \(processes) user \(getuid())"
    }
}
