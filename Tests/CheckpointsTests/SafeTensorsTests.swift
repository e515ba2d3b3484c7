import Checkpoints
import Foundation
import Hashing
import Testing

@Suite("safetensors files")
struct SafeTensorsTests {
    private func sample() throws -> SafeTensorsWriter {
        var writer = SafeTensorsWriter(metadata: ["step": "12", "a \"quoted\"\n": "ü"])
        try writer.add("conv1.weight", shape: [2, 3], [1, 2, 3, 4, 5, -0.5] as [Float])
        try writer.add("labels", shape: [3], [0, 128, 255] as [UInt8])
        try writer.add("count", shape: [], [1 << 40] as [Int64])
        try writer.add("empty", shape: [0, 4], [] as [Double])
        try writer.add("indices", shape: [2], [-1, 7] as [Int32])
        return writer
    }

    private func fault(_ header: String, data: Int = 0, length: UInt64? = nil) -> String {
        var bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Data($0) }
        bytes += Data(header.utf8) + Data(count: data)
        do {
            _ = try SafeTensorsFile(bytes: bytes, name: "x")
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test("what is written reads back, with every tensor aligned")
    func roundTrip() throws {
        let folder = try Folder()
        let writer = try sample()
        try writer.write(to: folder.file("a.safetensors"))
        #expect(folder.names == ["a.safetensors"])
        #expect(try folder.read("a.safetensors") == writer.bytes())
        #expect(try writer.bytes().count == writer.byteCount)

        let file = try SafeTensorsFile(path: folder.file("a.safetensors"))
        #expect(file.metadata == ["step": "12", "a \"quoted\"\n": "ü"])
        #expect(file.tensors.map(\.name) == ["count", "empty", "conv1.weight", "indices", "labels"])
        #expect(try file.elements("conv1.weight", shape: [2, 3]) == [1, 2, 3, 4, 5, -0.5] as [Float])
        #expect(try file.elements("labels") == [0, 128, 255] as [UInt8])
        #expect(try file.elements("count", shape: []) == [1 << 40] as [Int64])
        #expect(try file.elements("empty", as: Double.self).isEmpty)
        #expect(try file.elements("indices", as: Int32.self) == [-1, 7])
        #expect(file.description(of: "labels") == TensorDescription("labels", .uint8, [3]))
        #expect(file.description(of: "other") == nil)
        var copy = [Float](repeating: 0, count: 6)
        try file.copy("conv1.weight", shape: [2, 3], to: &copy)
        #expect(copy == [1, 2, 3, 4, 5, -0.5])
    }

    @Test("the bytes are those of the format")
    func layout() throws {
        var writer = SafeTensorsWriter()
        try writer.add("w", shape: [1], [1] as [Float])
        let header = #"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"# + "  "
        #expect(header.utf8.count == 56)
        let expected = Data([56, 0, 0, 0, 0, 0, 0, 0]) + Data(header.utf8) + Data([0, 0, 0x80, 0x3f])
        #expect(try writer.bytes() == expected)
    }

    @Test("a tensor that is not as expected is named with what was expected and found")
    func expectations() throws {
        let file = try SafeTensorsFile(bytes: sample().bytes(), name: "x")
        #expect(throws: SafeTensorsError("x", tensor: "bias", "is missing")) {
            try file.elements("bias", as: Float.self)
        }
        #expect(
            throws: SafeTensorsError(
                "x", tensor: "conv1.weight", "is F32 of shape [2, 3], expected F32 of shape [3, 2]")
        ) { try file.elements("conv1.weight", as: Float.self, shape: [3, 2]) }
        do {
            _ = try file.elements("labels", as: Int64.self)
            Issue.record("no error")
        } catch {
            #expect("\(error)" == "x: tensor 'labels' is U8 of shape [3], expected I64 of shape [3]")
        }
    }

    @Test("a tensor that cannot be written is named")
    func refusedTensors() throws {
        var writer = try sample()
        #expect(throws: SafeTensorsError("safetensors", tensor: "count", "is added twice")) {
            try writer.add("count", shape: [], [1] as [Float])
        }
        #expect(throws: SafeTensorsError("safetensors", tensor: "a", "has the impossible shape [-1]")) {
            try writer.add("a", shape: [-1], [] as [Float])
        }
        #expect(throws: SafeTensorsError("safetensors", tensor: "__metadata__", "has a name that the format reserves"))
        {
            try writer.add("__metadata__", shape: [], [1] as [Float])
        }
        try writer.add("short", shape: [4], [1, 2] as [Float])
        #expect(
            throws: SafeTensorsError("safetensors", tensor: "short", "has 8 bytes, but F32 of shape [4] needs 16")
        ) { try writer.bytes() }
    }

    @Test(
        "a hostile or damaged header is refused with its reason",
        arguments: [
            (#"[]"#, 0, "x: has a header that does not start with '{'; it is no safetensors file"),
            (#"{"a"}"#, 0, "x: has a damaged header: expected ':' at byte 12"),
            (#"{"a":1} x"#, 0, "x: has a damaged header: unexpected bytes after the value at byte 16"),
            (#"{"a":[[[[[[[[[[1]]]]]]]]]]}"#, 0, "x: has a damaged header: nested too deeply at byte 20"),
            (#"{"a\ud800":1}"#, 0, "x: has a damaged header: half of a surrogate pair is missing at byte 17"),
            (#"{"a":1}"#, 0, "x: tensor 'a' is not described by an object"),
            (#"{"__metadata__":{"a":1}}"#, 0, "x: has '__metadata__' that is no object of texts"),
            (#"{"__metadata__":{},"__metadata__":{}}"#, 0, "x: has two entries '__metadata__' in its header"),
            (
                #"{"a":{"dtype":"F32","shape":[1]}}"#, 4,
                "x: tensor 'a' needs a dtype, a shape and data_offsets of two numbers, each once and nothing else"
            ),
            (
                #"{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}"#, 4,
                "x: tensor 'a' needs a dtype, a shape and data_offsets of two numbers, each once and nothing else"
            ),
            (
                #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4,
                "x: tensor 'a' needs a dtype, a shape and data_offsets of two numbers, each once and nothing else"
            ),
            (
                #"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4,
                "x: tensor 'a' needs a dtype, a shape and data_offsets of two numbers, each once and nothing else"
            ),
            (
                #"{"a":{"dtype":"X","shape":[1],"data_offsets":[0,4]}}"#, 4,
                "x: tensor 'a' has the unknown dtype 'X'; known: BOOL, U8, I8, U16, I16, F16, BF16, U32, I32, F32, "
                    + "U64, I64, F64"
            ),
            (
                #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4,
                "x: tensor 'a' has 4 bytes, but F32 of shape [2] needs 8"
            ),
            (
                #"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0,
                "x: tensor 'a' has 0 bytes, but F32 of shape [4611686018427387904, 4] needs more than 2^63"
            ),
            (
                #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[2,1]}}"#, 2,
                "x: tensor 'a' ends at byte 1, before its start 2"
            ),
            (
                #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#, 2,
                "x: tensor 'a' starts at byte 1 and leaves a gap before it"
            ),
            (
                #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
                3, "x: tensor 'b' starts at byte 1 and overlaps the one before"
            ),
            (
                #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
                2, "x: tensor 'a' is described twice"
            ),
            (
                #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, 3,
                "x: holds 3 bytes of data, but its header describes 1"
            ),
        ])
    func hostileHeaders(header: String, data: Int, text: String) {
        #expect(fault(header, data: data) == text)
    }

    @Test("a header's length is checked before it is believed")
    func headerLengths() throws {
        #expect(
            fault("{}", length: .max)
                == "x: claims a header of 18446744073709551615 bytes, more than the 100000000 allowed; "
                + "it is no safetensors file")
        #expect(fault("{}", length: 3) == "x: ends within its header: 3 bytes are announced, 2 follow")
        #expect(fault("{}", length: 2) == "no error")
        #expect(throws: SafeTensorsError("x", "has 7 bytes, too few for a safetensors header")) {
            try SafeTensorsFile(bytes: Data(count: 7), name: "x")
        }
        let folder = try Folder()
        #expect(throws: SafeTensorsError(folder.file("a"), "no such file; check the path")) {
            try SafeTensorsFile(path: folder.file("a"))
        }
        try folder.write("empty", "")
        #expect(throws: SafeTensorsError(folder.file("empty"), "has 0 bytes, too few for a safetensors header")) {
            try SafeTensorsFile(path: folder.file("empty"))
        }
        #expect(throws: SafeTensorsError(folder.path, "cannot be read as a file")) {
            try SafeTensorsFile(path: folder.path)
        }
    }

    @Test("numbers of any precision are read as single precision, other elements are refused")
    func precisions() throws {
        var writer = SafeTensorsWriter()
        try writer.add("double", shape: [2], [0.1, -3] as [Double])
        try writer.add("half", shape: [2], [0.1, 65504] as [Float16])
        try writer.add(TensorDescription("brain", .bfloat16, [2])) { consume in
            try ([0x3fc0, 0xc2f7] as [UInt16]).withUnsafeBytes { try consume($0) }
        }
        try writer.add("integer", shape: [1], [1] as [Int64])
        let file = try SafeTensorsFile(bytes: writer.bytes(), name: "x")
        #expect(try file.floats("double", shape: [2]) == [0.1, -3])
        #expect(try file.floats("half") == [0.099975586, 65504])
        #expect(try file.floats("brain") == [1.5, -123.5])
        #expect(throws: SafeTensorsError("x", tensor: "integer", "is I64 of shape [1], expected F32 of shape [1]")) {
            try file.floats("integer")
        }
    }

    @Test("every truncation is refused and no flipped byte of the header traps")
    func damage() throws {
        let whole = try sample().bytes()
        for count in 0..<whole.count {
            #expect(throws: SafeTensorsError.self, "\(count) bytes") {
                try SafeTensorsFile(bytes: whole.prefix(count), name: "x")
            }
        }
        for seed in 0..<20_000 as Range<UInt64> {
            var random = SplitMix(state: seed)
            var bytes = whole
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let file = try? SafeTensorsFile(bytes: bytes, name: "x") else { continue }
            for tensor in file.tensors {
                let size = try file.withBytes(of: tensor.name) { $0.count }
                #expect(size == tensor.byteCount, "seed \(seed)")
            }
        }
    }

    @Test("the parameter hash is that of the bytes in the order of the names")
    func parameterHash() throws {
        var writer = SafeTensorsWriter(metadata: ["ignored": "yes"])
        try writer.add("b", shape: [2], [3, 4] as [UInt8])
        try writer.add("ä", shape: [1], [9] as [UInt8])
        try writer.add("a", shape: [2], [1, 2] as [UInt8])
        try writer.add("B", shape: [1], [0] as [UInt8])
        let expected = SHA256.hash([0, 1, 2, 3, 4, 9] as [UInt8])
        #expect(try writer.parameterHash() == expected)
        #expect(try SafeTensorsFile(bytes: writer.bytes(), name: "x").parameterHash() == expected)
    }
}

/// SplitMix64, so that a failing case can be repeated from its seed.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        return bits ^ (bits >> 31)
    }
}
