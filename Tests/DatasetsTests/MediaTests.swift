import Datasets
import Foundation
import Media
import Synchronization
import Testing

@Suite("Media")
struct MediaTests {
    private static let whole = FrameGeometry(shortSide: 16, height: 16, width: 16)

    private static func decode(
        _ path: String, _ frames: [Int], _ geometry: FrameGeometry = whole,
        deadline: ContinuousClock.Instant = .now + .seconds(20)
    ) throws -> [[UInt8]] {
        let target = UnsafeMutablePointer<UInt8>.allocate(capacity: frames.count * geometry.byteCount)
        defer { target.deallocate() }
        try MediaReader(path).decode(frames, geometry, into: target, deadline: deadline)
        return frames.indices.map { frame in
            Array(UnsafeBufferPointer(start: target + frame * geometry.byteCount, count: geometry.byteCount))
        }
    }

    /// The middle 16 columns of a picture of 16 rows of 24 pixels.
    private static func middle(_ pixels: some Collection<UInt8>) -> [UInt8] {
        let pixels = Array(pixels)
        return (0..<16).flatMap { row in pixels[3 * (24 * row + 4)..<3 * (24 * row + 20)] }
    }

    @Test("frames are those that PyAV finds, in any selection", arguments: ["mp4", "avi"])
    func decodesVideo(kind: String) throws {
        let fixture = try PixelFixture("media")
        let path = try PixelFixture.path("clip.\(kind)")
        let reader = try MediaReader(path)
        #expect(reader.frameCount() == 24 && reader.rate == 12 && reader.width == 24 && reader.height == 16)
        let frames = try Self.decode(path, [0, 9, 9, 23])
        let expected = try fixture.bytes("\(kind)")
        let size = expected.count / 3
        for (place, index) in [0, 1, 1, 2].enumerated() {
            let reference = Self.middle(expected[index * size..<(index + 1) * size])
            // Colours at half the resolution are interpolated in different ways.
            let difference = zip(frames[place], reference).map { abs(Int($0) - Int($1)) }.reduce(0, +)
            #expect(Double(difference) / Double(reference.count) < 4, "frame \(place)")
        }
        #expect(frames[1] == frames[2])
    }

    @Test("a picture is that of Pillow", arguments: ["png", "jpg"])
    func decodesPicture(kind: String) throws {
        let picture = try Self.decode(PixelFixture.path("picture.\(kind)"), [0])[0]
        let expected = Self.middle(try PixelFixture("media").bytes(kind))
        if kind == "png" {
            #expect(picture == expected)
        } else {
            let difference = zip(picture, expected).map { abs(Int($0) - Int($1)) }.reduce(0, +)
            #expect(Double(difference) / Double(expected.count) < 4)
        }
    }

    @Test("the short side is resized and the middle cut out")
    func resizes() throws {
        let geometry = FrameGeometry(shortSide: 8, height: 6, width: 8)
        let small = try Self.decode(PixelFixture.path("picture.png"), [0], geometry)[0]
        #expect(small.count == 3 * 48)
        // 24 × 16 becomes 12 × 8, of which columns 2 ..< 10 and rows 1 ..< 7 stay; green grows by 12 from row to row.
        let green = (0..<6).map { Int(small[3 * (8 * $0 + 6) + 1]) }
        #expect(zip(green, green.dropFirst()).allSatisfy { abs($1 - $0 - 12) <= 2 }, "\(green)")
    }

    @Test("every damaged file is named with what is wrong, and none stops the program")
    func namesDamage() throws {
        let folder = try TemporaryFolder()
        let mp4 = [UInt8](try Data(contentsOf: URL(fileURLWithPath: PixelFixture.path("clip.mp4"))))
        func problem(_ bytes: [UInt8], frames: [Int] = [0, 23]) throws -> String {
            try folder.write(bytes, to: "file.mp4")
            let error = try #require(throws: MediaError.self) { try Self.decode(folder.path + "/file.mp4", frames) }
            #expect(error.file == folder.path + "/file.mp4")
            return error.problem
        }
        #expect(try problem([]) == "the file is empty")
        #expect(
            try problem(Array("this is text".utf8))
                == "is no picture or video that can be read (Invalid data found when processing input)")
        #expect(try problem(Array(mp4[..<200])) == "holds no pictures that can be decoded")
        let truncated = try problem(Array(mp4[..<(mp4.count * 2 / 3)]))
        #expect(truncated.hasPrefix("ends after ") || truncated.hasPrefix("is damaged at frame "))
        #expect(try problem(mp4, frames: [0, 60]) == "ends after 24 frames where at least 61 were expected")
        let missing = #expect(throws: MediaError.self) { try Self.decode(folder.path + "/none.mp4", [0]) }
        #expect(missing?.problem == "cannot be opened: No such file or directory")
        #expect(mkfifo(folder.path + "/pipe.mp4", 0o600) == 0)
        let pipe = #expect(throws: MediaError.self) { try Self.decode(folder.path + "/pipe.mp4", [0]) }
        #expect(pipe?.problem == "is no regular file")
        let late = #expect(throws: MediaError.self) {
            try Self.decode(PixelFixture.path("clip.mp4"), [0], deadline: .now - .seconds(1))
        }
        #expect(late?.problem == "is not decoded in time, 0 frames are")
    }

    @Test("a file that is refused closes its own descriptor and nobody else's")
    func closesOnce() async {
        // In a process of its own, where it can hurt nobody.
        await #expect(processExitsWith: .success) {
            let folder = try TemporaryFolder()
            try folder.write([], to: "empty")
            let isOver = Atomic(false)
            let lost = Atomic(0)
            DispatchQueue.concurrentPerform(iterations: 2) { number in
                if number == 0 {
                    while !isOver.load(ordering: .relaxed) {
                        if close(open("/dev/null", O_RDONLY)) != 0 { lost.add(1, ordering: .relaxed) }
                    }
                } else {
                    for _ in 0..<20_000 { _ = try? MediaReader(folder.path + "/empty") }
                    isOver.store(true, ordering: .relaxed)
                }
            }
            let count = lost.load(ordering: .relaxed)
            #expect(count == 0, "\(count) descriptors of another thread were closed")
        }
    }

    @Test(
        "no random damage crashes or hangs decoding", arguments: ["clip.mp4", "clip.avi", "picture.jpg", "picture.png"])
    func survivesDamage(name: String) throws {
        let folder = try TemporaryFolder()
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: PixelFixture.path(name))))
        for seed in UInt64(0)..<40 {
            var random = SystemSeed(state: seed)
            var damaged = bytes
            for _ in 0..<(1 + seed % 12) {
                damaged[Int(random.next() % UInt64(damaged.count))] = UInt8(truncatingIfNeeded: random.next())
            }
            if seed % 3 == 0 { damaged.removeLast(Int(random.next() % UInt64(damaged.count))) }
            try folder.write(damaged, to: name)
            // Whether it can still be decoded depends on the place of the damage.
            let frames = name.hasPrefix("clip") ? [0, 5, 23] : [0]
            let result = Result { try Self.decode(folder.path + "/" + name, frames) }
            if case .failure(let error) = result { #expect(error is MediaError, "seed \(seed)") }
        }
    }

    /// Numbers for choosing damage.
    private struct SystemSeed: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state ^ (state >> 29)
        }
    }

    @Test("a written PNG reads back as the same pixels")
    func writesPNG() throws {
        let folder = try TemporaryFolder()
        let pixels = (0..<3 * 16 * 16).map { UInt8(truncatingIfNeeded: $0 * 7) }
        try PNGFile.write(pixels, width: 16, height: 16, to: folder.path + "/picture.png")
        #expect(try Self.decode(folder.path + "/picture.png", [0])[0] == pixels)
        let error = #expect(throws: MediaError.self) {
            try PNGFile.write(pixels, width: 16, height: 16, to: folder.path + "/none/picture.png")
        }
        #expect(error?.problem.hasPrefix("cannot be written") == true)
    }
}
