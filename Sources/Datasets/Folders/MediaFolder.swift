import Configuration
import Foundation
import Hashing
import Media
import Synchronization

/// Pictures or videos in folders named after their classes, decoded when they are read.
///
/// - Determinism: equal files and the same version of FFmpeg give equal samples.
public struct MediaFolder: Dataset {
    /// What the files are.
    enum Kind: Sendable {
        case images, videos

        /// The endings of files that count, in lower case.
        var endings: Set<String> {
            switch self {
            case .images: ["jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff", "gif", "ppm"]
            case .videos: ["mp4", "avi", "mov", "mkv", "webm", "mpg", "mpeg", "m4v", "flv", "ogv", "wmv"]
            }
        }
    }

    /// A file with what is known about it before it is decoded.
    private struct Entry: Sendable {
        let path: String
        let label: Int
        /// The frames on the sampling grid; none for a file that cannot be opened.
        let grid: [Int]
    }

    /// The name in the catalogue.
    public let name: String
    /// The names of the folders.
    public let classes: [String]
    /// The hexadecimal SHA-256 of the list of files, with size, beginning and end of each.
    public let digest: String
    /// A square of the configured size in red, green and blue; of videos with the configured number of frames.
    public let sampleShape: SampleShape
    private let root: String
    private let sampling: FrameSampling
    private let geometry: FrameGeometry
    private let entries: [Split: [Entry]]
    private let cache: FrameCache?

    /// The time that one file may take to decode.
    private static let patience = Duration.seconds(120)

    /// Lists the folder at `root` and looks into its videos.
    ///
    /// - Throws: When the folder holds no classes, or, unless damaged files are to be skipped, for a file that cannot be
    ///   opened.
    init(
        _ name: String, _ kind: Kind, at root: String, _ configuration: DataConfiguration
    ) throws(DatasetError) {
        let media = configuration.media
        self.name = name
        self.root = root
        let listing = try FolderListing(root, endings: kind.endings)
        classes = listing.classes
        sampling = FrameSampling(media)
        geometry = FrameGeometry(shortSide: media.shortSide.value ?? media.size, height: media.size, width: media.size)
        sampleShape = SampleShape(
            frames: kind == .videos ? media.frames : 1, height: media.size, width: media.size, channels: 3)
        var hash = SHA256()
        var entries: [Split: [Entry]] = [:]
        for split in Split.allCases {
            let files = listing.files(split)
            for file in files { FileFingerprint(root, file.path, label: file.label).add(to: &hash) }
            let grids = try Self.grids(
                files, in: root, kind, sampling, skipsDamaged: configuration.onError == .skip)
            entries[split] = zip(files, grids).map { Entry(path: $0.path, label: $0.label, grid: $1) }
        }
        self.entries = entries
        let digest = hash.finalize().hexadecimal
        self.digest = digest
        // What decides the decoded frames of a file.
        let decoding = "\(FrameCache.version) \(digest) \(geometry) \(kind == .videos ? "\(sampling)" : "")"
        cache = try media.cache.value.map { (folder) throws(DatasetError) in
            let key = String(SHA256.hash(decoding).hexadecimal.prefix(16))
            return try FrameCache(folder, key: key, limit: Int(media.cacheGB * 1e9))
        }
    }

    /// The mean and deviation of photographs, as they are commonly used for ImageNet.
    public var normalization: Normalization {
        Normalization(mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225])
    }

    /// The number of files in `split`.
    public func count(_ split: Split) -> Int { entries[split, default: []].count }

    /// The number of frames of the clip from file `index`.
    public func frames(_ index: Int, of split: Split) -> Int {
        max(1, min(sampleShape.frames, entries[split, default: []][index].grid.count))
    }

    /// The file of sample `index` of `split`.
    public func path(_ index: Int, of split: Split) -> String { root + "/" + entries[split, default: []][index].path }

    /// Decodes the middle of file `index`.
    public func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        try read(index, of: split, at: 0.5, into: &sample)
    }

    /// Decodes the part of file `index` that begins at `moment`.
    public func read(
        _ index: Int, of split: Split, at moment: Float, into sample: inout Sample
    ) throws(DatasetError) {
        precondition((0..<count(split)).contains(index), "\(name) has no sample \(index) in \(split)")
        let entry = entries[split, default: []][index]
        let window = sampling.window(of: entry.grid.count, at: moment)
        var shape = sampleShape
        shape.frames = max(1, window.count)
        sample.reshape(to: shape)
        sample.label = entry.label
        do throws(MediaError) {
            guard let cache else {
                try sample.withMutablePixels { (pixels) throws(MediaError) in
                    try decode(Array(entry.grid[window]), of: entry.path, into: pixels)
                }
                return
            }
            let bytes = entry.grid.count * geometry.byteCount
            try cache.withFrames("\(split)-\(index)", byteCount: bytes) { (whole) throws(MediaError) in
                try decode(entry.grid, of: entry.path, into: whole)
            } use: { frames in
                let part = frames[window.lowerBound * geometry.byteCount..<window.upperBound * geometry.byteCount]
                sample.withMutablePixels { _ = $0.update(fromContentsOf: UnsafeBufferPointer(rebasing: part)) }
            }
        } catch {
            throw Self.datasetError(error)
        }
    }

    private func decode(
        _ frames: [Int], of path: String, into pixels: UnsafeMutableBufferPointer<UInt8>
    ) throws(MediaError) {
        guard let base = pixels.baseAddress, !frames.isEmpty else {
            throw MediaError(file: root + "/" + path, problem: "cannot be opened")
        }
        try MediaReader(root + "/" + path).decode(frames, geometry, into: base, deadline: .now + Self.patience)
    }

    /// The grids of all files; videos are opened for it, several at the same time.
    private static func grids(
        _ files: [FolderListing.File], in root: String, _ kind: Kind, _ sampling: FrameSampling, skipsDamaged: Bool
    ) throws(DatasetError) -> [[Int]] {
        if kind == .images { return files.map { _ in [0] } }
        let results = Mutex([Int: Result<[Int], MediaError>]())
        DispatchQueue.concurrentPerform(iterations: files.count) { index in
            let result = Result { () throws(MediaError) in
                let reader = try MediaReader(root + "/" + files[index].path)
                let count = reader.frameCount()
                if count == 0 { throw MediaError(file: root + "/" + files[index].path, problem: "holds no frames") }
                return sampling.grid(count: count, rate: reader.rate)
            }
            results.withLock { $0[index] = result }
        }
        let found = results.withLock { $0 }
        var grids: [[Int]] = []
        for index in files.indices {
            do throws(MediaError) {
                grids.append(try found[index]?.get() ?? [])
            } catch {
                guard skipsDamaged else { throw datasetError(error) }
                grids.append([])
            }
        }
        return grids
    }

    private static func datasetError(_ error: MediaError) -> DatasetError {
        DatasetError(
            file: error.file, problem: error.problem,
            remedy: "replace or remove the file, or set data.on_error to skip")
    }
}

/// What tells two versions of a file apart without reading all of it: path, label, size, beginning and end.
struct FileFingerprint {
    private let text: String
    private let parts: [Data]

    private static let partBytes = 4096

    init(_ root: String, _ path: String, label: Int) {
        guard let file = FileHandle(forReadingAtPath: root + "/" + path), let size = try? file.seekToEnd() else {
            text = "\(path) \(label) missing"
            parts = []
            return
        }
        func part(at offset: UInt64) -> Data {
            guard (try? file.seek(toOffset: offset)) != nil else { return Data() }
            return (try? file.read(upToCount: Self.partBytes)) ?? Data()
        }
        text = "\(path) \(label) \(size)"
        parts = [part(at: 0), part(at: size > UInt64(Self.partBytes) ? size - UInt64(Self.partBytes) : 0)]
        try? file.close()
    }

    /// Adds it to a hash.
    func add(to hash: inout SHA256) {
        for bytes in [Data((text + "\n").utf8)] + parts { bytes.withUnsafeBytes { hash.update($0) } }
    }
}
