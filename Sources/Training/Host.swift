import Foundation
import Hashing
import Messaging
import Tensors

/// What a process can say of itself and of the host that it runs on.
public enum Host {
    /// The host's name.
    public static var name: String { ProcessInfo.processInfo.hostName }

    /// The name of the CPU, or of its architecture where the system does not tell.
    static var cpu: String {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
        #if arch(x86_64)
        let architecture = "x86_64"
        #else
        let architecture = "arm64"
        #endif
        return model.map { $0.trimmingCharacters(in: .whitespaces) } ?? architecture
    }

    /// The largest resident memory of this process so far, in MB (10⁶ bytes).
    static var peakMemoryMB: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_maxrss) * 1024 / 1e6
    }

    /// The build of this program: its version and the first digits of the hash of its executable, so that workers of
    /// different builds are told apart.
    ///
    /// - Throws: When the executable cannot be read.
    public static func build() throws -> String {
        "\(version)+\(try SHA256.hash(file: "/proc/self/exe").digest.hexadecimal.prefix(16))"
    }

    /// The path of this program's file.
    public static var program: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/proc/self/exe"
    }

    /// The version of the program.
    public static let version = "0.1.0"
}
