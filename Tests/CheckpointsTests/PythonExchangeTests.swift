import Checkpoints
import TestSupport
import Testing

@Suite("Exchange with Python's safetensors")
struct PythonExchangeTests {
    /// A Python that has the safetensors library with NumPy; nil when the host has none.
    private static let python = Python.path(importing: "numpy, safetensors.numpy")

    private static func run(_ python: String, _ script: String, _ path: String) throws -> (
        status: Int32, output: String
    ) {
        try Python.run(python, ["-c", script, path])
    }

    @Test("Python reads what is written here", .enabled(if: python != nil, "no Python with safetensors on this host"))
    func toPython() throws {
        let folder = try Folder()
        var writer = SafeTensorsWriter(metadata: ["step": "3"])
        try writer.add("bytes", shape: [3], [1, 2, 3] as [UInt8])
        try writer.add("w", shape: [2, 2], [1, 2.5, -3, 4e-10] as [Float])
        try writer.add("n\n\"ü", shape: [2], [-1, 1 << 60] as [Int64])
        try writer.add("none", shape: [0], [] as [Double])
        try writer.write(to: folder.file("a"))
        let script = """
            import sys, safetensors
            with safetensors.safe_open(sys.argv[1], "numpy") as f:
                print(f.metadata())
                for name in sorted(f.keys()):
                    t = f.get_tensor(name)
                    print(ascii(name), t.dtype, t.shape, t.tolist())
            """
        let (status, output) = try Self.run(Self.python ?? "", script, folder.file("a"))
        #expect(status == 0)
        #expect(
            output == """
                {'step': '3'}
                'bytes' uint8 (3,) [1, 2, 3]
                'n\\n"\\xfc' int64 (2,) [-1, 1152921504606846976]
                'none' float64 (0,) []
                'w' float32 (2, 2) [[1.0, 2.5], [-3.0, 4.000000053405728e-10]]

                """)
    }

    @Test("what Python writes is read here", .enabled(if: python != nil, "no Python with safetensors on this host"))
    func fromPython() throws {
        let folder = try Folder()
        let script = """
            import sys, numpy as n, safetensors.numpy as s
            s.save_file({"w": n.arange(6, dtype=n.float32).reshape(2, 3), "b": n.array([1, 2], n.uint8),
                         "\\u20ac/\\n": n.array(-5), "e": n.zeros((0, 2))}, sys.argv[1], metadata={"k": "v\\u00fc"})
            """
        let (status, output) = try Self.run(Self.python ?? "", script, folder.file("a"))
        #expect(status == 0, "\(output)")
        let file = try SafeTensorsFile(path: folder.file("a"))
        #expect(file.metadata == ["k": "vü"])
        #expect(try file.elements("w", shape: [2, 3]) == [0, 1, 2, 3, 4, 5] as [Float])
        #expect(try file.elements("b") == [1, 2] as [UInt8])
        #expect(try file.elements("€/\n", shape: []) == [-5] as [Int64])
        #expect(try file.elements("e", as: Double.self, shape: [0, 2]).isEmpty)
    }
}
