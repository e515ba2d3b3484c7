import Configuration
import Datasets
import Foundation
import Media
import Synchronization
import Tensors
import Testing

@Suite("Folders of pictures and videos")
struct MediaFolderTests {
    private static func fixture(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: PixelFixture.path(name))))
    }

    private static func configuration(_ name: String, _ folder: TemporaryFolder) -> DataConfiguration {
        var configuration = DataConfiguration()
        configuration.name = name
        configuration.path.value = folder.path
        configuration.media.size = 16
        configuration.media.frames = 4
        return configuration
    }

    private static func open(_ configuration: DataConfiguration) throws -> any Dataset {
        try DatasetCatalog.open(configuration, environmentPath: nil)
    }

    /// Two classes with `count` videos each.
    private static func videos(_ count: Int = 5) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for index in 0..<count {
            try folder.write(fixture("clip.mp4"), to: "cats/v\(index).mp4")
            try folder.write(fixture("clip.avi"), to: "dogs/v\(index).AVI")
        }
        try folder.write(Array("a note".utf8), to: "dogs/readme.txt")
        return folder
    }

    @Test("class folders give classes in order and each fifth file to the test split")
    func listsClasses() throws {
        let folder = try Self.videos(6)
        let dataset = try Self.open(Self.configuration("video_folder", folder))
        #expect(dataset.classes == ["cats", "dogs"])
        #expect(dataset.count(.train) == 10 && dataset.count(.test) == 2)
        #expect(dataset.sampleShape == SampleShape(frames: 4, height: 16, width: 16, channels: 3))
        var sample = Sample(dataset.sampleShape)
        try dataset.read(5, of: .train, into: &sample)
        #expect(sample.label == 1 && sample.shape == dataset.sampleShape)
    }

    @Test("train and val folders, UCF's lists and an index decide the splits, in this order of strength")
    func splits() throws {
        let folder = try TemporaryFolder()
        let clip = try Self.fixture("clip.mp4")
        for path in ["train/a/1.mp4", "train/b/1.mp4", "train/b/2.mp4", "val/a/9.mp4"] {
            try folder.write(clip, to: path)
        }
        let plain = try Self.open(Self.configuration("video_folder", folder))
        #expect(plain.classes == ["a", "b"] && plain.count(.train) == 3 && plain.count(.test) == 1)
        for path in ["x/1.mp4", "x/2.mp4", "y/1.mp4"] { try folder.write(clip, to: path) }
        try folder.write(Array("x/1.mp4 1\ny/1.mp4 2\r\n".utf8), to: "ucfTrainTestlist/trainlist01.txt")
        try folder.write(Array("x/2.mp4\n".utf8), to: "ucfTrainTestlist/testlist01.txt")
        let listed = try Self.open(Self.configuration("video_folder", folder))
        #expect(listed.classes == ["x", "y"] && listed.count(.train) == 2 && listed.count(.test) == 1)
        let index = "path,class,label,split_ucf01\n\"x/1.mp4\",\"jumps, high\",0,test\ny/1.mp4,falls,1,train\n"
        try folder.write(Array(index.utf8), to: "index.csv")
        let indexed = try Self.open(Self.configuration("video_folder", folder))
        #expect(indexed.classes == ["falls", "jumps, high"] && indexed.count(.train) == 1)
        #expect(Set([plain.digest, listed.digest, indexed.digest]).count == 3)
    }

    @Test("an index without a column, or a line without a split, is named")
    func refusesIndex() throws {
        let folder = try TemporaryFolder()
        func error(_ text: String, in file: String) throws -> String {
            try folder.write(Array(text.utf8), to: file)
            let error = try #require(throws: DatasetError.self) {
                _ = try Self.open(Self.configuration("video_folder", folder))
            }
            return "\(error)".replacing(folder.path, with: "…")
        }
        #expect(try error("", in: "a.txt").hasPrefix("…: holds no train files; looked for "))
        #expect(
            try error("x/1.mp4/2 1\n", in: "trainlist01.txt")
                == "…/trainlist01.txt: line 1 is 'x/1.mp4/2 1' where Class/file was expected; "
                + "take the lists that the data set's authors publish")
        #expect(
            try error("path,class\na,b\n", in: "index.csv")
                == "…/index.csv: its first line is 'path,class'; it must name the columns path, class and split")
        #expect(
            try error("path,class,split\na,b,training\n", in: "index.csv")
                == "…/index.csv: line 2 is 'a,b,training'; it must have 3 values, with train or test as its split")
    }

    @Test("frames spread over the video, or follow a stride or a rate; a moment chooses the window")
    func samplesFrames() throws {
        let folder = try Self.videos()
        func clip(_ change: (inout MediaConfiguration) -> Void, at moment: Float) throws -> [ArraySlice<UInt8>] {
            var configuration = Self.configuration("video_folder", folder)
            change(&configuration.media)
            let dataset = try Self.open(configuration)
            var sample = Sample(dataset.sampleShape)
            try dataset.read(0, of: .train, at: moment, into: &sample)
            #expect(sample.shape.frames == dataset.frames(0, of: .train))
            let pixels = sample.pixels
            return (0..<sample.shape.frames).map { pixels[768 * $0..<768 * ($0 + 1)] }
        }
        let all = try clip({ ($0.stride.value, $0.frames) = (1, 24) }, at: 0)
        #expect(Set(all).count == 24)
        func numbers(_ change: (inout MediaConfiguration) -> Void, at moment: Float = 0.5) throws -> [Int] {
            try clip(change, at: moment).map { frame in try #require(all.firstIndex(of: frame)) }
        }
        #expect(try numbers { _ in } == [3, 9, 15, 21])
        #expect(try numbers { $0.stride.value = 2 } == [8, 10, 12, 14])
        #expect(try numbers({ $0.stride.value = 2 }, at: 0) == [0, 2, 4, 6])
        #expect(try numbers({ $0.stride.value = 2 }, at: 1) == [16, 18, 20, 22])
        #expect(try numbers { $0.rate.value = 4 } == [6, 9, 12, 15])
        #expect(try numbers { $0.stride.value = 10 } == [0, 10, 20])
    }

    @Test("training visits take another window in each epoch, and an evaluation always the middle")
    func movesWindow() throws {
        let folder = try Self.videos()
        var configuration = Self.configuration("video_folder", folder)
        configuration.media.stride.value = 1
        configuration.augment.value = []
        let loader = Loader(
            try DatasetCatalog.pipeline(configuration, environmentPath: nil), seed: 3, pool: MemoryPool())
        defer { loader.close() }
        var windows: Set<[Float]> = []
        for epoch in 0..<8 {
            loader.enqueue([.training([0], epoch: epoch), .evaluation([0], of: .train)])
            windows.insert(try #require(try loader.next()).input.elements)
            let dataset = try Self.open(configuration)
            var sample = Sample(dataset.sampleShape)
            try dataset.read(0, of: .train, into: &sample)
            let first = try #require(try loader.next()).input.elements[0]
            let normalization = dataset.normalization
            let expected = Float(sample.pixels[0]) * normalization.scale(0) + normalization.offset(0)
            #expect(first == expected)
        }
        #expect(windows.count > 3)
    }

    @Test("a damaged file stops a run, or is left out and named, the same for any number of threads")
    func followsPolicy() throws {
        let folder = try TemporaryFolder()
        for index in 0..<5 { try folder.write(Self.fixture("picture.png"), to: "a/\(index).png") }
        for index in 0..<4 { try folder.write(Self.fixture("picture.jpg"), to: "b/\(index).jpeg") }
        try folder.write([], to: "b/4.jpeg")
        try folder.write([], to: "a/2.png")
        func load(_ policy: DataConfiguration.ErrorPolicy, threads: Int) throws -> ([Batch], [String]) {
            var configuration = Self.configuration("image_folder", folder)
            configuration.onError = policy
            let skipped = Mutex([String]())
            let loader = Loader(
                try DatasetCatalog.pipeline(configuration, environmentPath: nil), seed: 1, threads: threads,
                pool: MemoryPool()
            ) { error in skipped.withLock { $0.append("\(error)".replacing(folder.path, with: "…")) } }
            defer { loader.close() }
            loader.enqueue([.training([0, 1, 2, 3], epoch: 0), .training([2], epoch: 0), .evaluation([0, 1])])
            var batches: [Batch] = []
            while let batch = try loader.next(timeout: .seconds(20)) { batches.append(batch) }
            return (batches, skipped.withLock { $0.sorted() })
        }
        let error = try #require(throws: LoaderError.self) { try load(.stop, threads: 1) }
        #expect(
            "\(error)".replacing(folder.path, with: "…")
                == "sample 2 of the train split of image_folder cannot be read: …/a/2.png: the file is empty; "
                + "replace or remove the file, or set data.on_error to skip")
        let (batches, skipped) = try load(.skip, threads: 1)
        #expect(batches.map(\.indices) == [[0, 1, 3], [], [0]])
        #expect(batches.map { $0.input.shape[0] } == [3, 0, 1])
        #expect(skipped.count == 3 && skipped[0].contains("…/b/4.jpeg: the file is empty"))
        let (others, _) = try load(.skip, threads: 3)
        #expect(others.map(\.input.elements) == batches.map(\.input.elements))
    }

    @Test("a video that cannot be opened stops the run at once, or counts as damaged when such are skipped")
    func probesVideos() throws {
        let folder = try Self.videos()
        try folder.write(Array(Self.fixture("clip.mp4")[..<100]), to: "cats/v1.mp4")
        var configuration = Self.configuration("video_folder", folder)
        let error = try #require(throws: DatasetError.self) { _ = try Self.open(configuration) }
        #expect("\(error)".hasPrefix("\(folder.path)/cats/v1.mp4: holds no pictures that can be decoded; "))
        configuration.onError = .skip
        let dataset = try Self.open(configuration)
        #expect(dataset.count(.train) == 8)
        var sample = Sample(dataset.sampleShape)
        #expect(throws: DatasetError.self) { try dataset.read(1, of: .train, into: &sample) }
        try dataset.read(2, of: .train, into: &sample)
    }

    @Test("the digest tells changed, added and renamed files")
    func digests() throws {
        let folder = try Self.videos()
        var digests: [String] = []
        func note() throws { digests.append(try Self.open(Self.configuration("video_folder", folder)).digest) }
        try note()
        try note()
        #expect(digests[0] == digests[1])
        var bytes = try Self.fixture("clip.avi")
        bytes[bytes.count - 9] ^= 1
        try folder.write(bytes, to: "dogs/v0.AVI")
        try note()
        try folder.write(bytes, to: "dogs/v9.avi")
        try note()
        try folder.remove("dogs/v9.avi")
        try folder.write(bytes, to: "dogs/va.avi")
        try note()
        #expect(Set(digests).count == 4)
    }
}

@Suite("Cache of decoded frames")
struct FrameCacheTests {
    private static func dataset(
        _ folder: TemporaryFolder, cache: TemporaryFolder, gigabytes: Double = 1, stride: Int = 1
    ) throws -> any Dataset {
        var configuration = DataConfiguration()
        configuration.name = "video_folder"
        configuration.path.value = folder.path
        configuration.media.size = 16
        configuration.media.frames = 4
        configuration.media.stride.value = stride
        configuration.media.cache.value = cache.path
        configuration.media.cacheGB = gigabytes
        return try DatasetCatalog.open(configuration, environmentPath: nil)
    }

    private static func videos() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let clip = [UInt8](try Data(contentsOf: URL(fileURLWithPath: PixelFixture.path("clip.mp4"))))
        for index in 0..<5 { try folder.write(clip, to: "a/\(index).mp4") }
        return folder
    }

    private static func frames(in cache: TemporaryFolder) throws -> [String] {
        try #require(FileManager.default.enumerator(atPath: cache.path)).compactMap { $0 as? String }
            .filter { $0.hasSuffix(".frames") }.sorted()
    }

    private static func read(_ dataset: any Dataset, _ index: Int, at moment: Float = 0.5) throws -> [UInt8] {
        var sample = Sample(dataset.sampleShape)
        try dataset.read(index, of: .train, at: moment, into: &sample)
        return sample.pixels
    }

    @Test("what comes from the cache is what was decoded, also after the file is gone")
    func remembers() throws {
        let (folder, cache) = (try Self.videos(), try TemporaryFolder())
        let dataset = try Self.dataset(folder, cache: cache)
        let first = try [Self.read(dataset, 0, at: 0), Self.read(dataset, 0, at: 0.7)]
        #expect(try Self.frames(in: cache).count == 1)
        try folder.remove("a/0.mp4")
        #expect(try [Self.read(dataset, 0, at: 0), Self.read(dataset, 0, at: 0.7)] == first)
        #expect(first[0] != first[1])
        #expect(throws: DatasetError.self) { try Self.read(Self.dataset(folder, cache: cache), 3) }
    }

    @Test("a damaged file of the cache is noticed and decoded anew")
    func noticesDamage() throws {
        let (folder, cache) = (try Self.videos(), try TemporaryFolder())
        let first = try Self.read(Self.dataset(folder, cache: cache), 1)
        let name = try #require(try Self.frames(in: cache).first)
        var bytes = try cache.read(name)
        bytes[bytes.count / 2] ^= 4
        try cache.write(bytes, to: name)
        #expect(try Self.read(Self.dataset(folder, cache: cache), 1) == first)
        #expect(try cache.read(name) != bytes)
        try cache.write(Array(bytes[..<100]), to: name)
        #expect(try Self.read(Self.dataset(folder, cache: cache), 1) == first)
    }

    @Test("the cache stays below its limit, and older data sets make room for a newer one")
    func staysBounded() throws {
        let (folder, cache) = (try Self.videos(), try TemporaryFolder())
        // A video of 24 frames takes 18,496 bytes: two fit.
        let first = try Self.dataset(folder, cache: cache, gigabytes: 40e-6)
        for index in 0..<4 { _ = try Self.read(first, index) }
        let old = try Self.frames(in: cache)
        #expect(old.count == 2)
        let second = try Self.dataset(folder, cache: cache, gigabytes: 40e-6, stride: 2)
        for index in 0..<4 { _ = try Self.read(second, index) }
        let new = try Self.frames(in: cache)
        #expect(!new.isEmpty && Set(new).isDisjoint(with: old))
        var bytes = 0
        for name in new { bytes += try cache.read(name).count }
        #expect(bytes <= 40_000)
    }
}
