import Configuration

/// The section `data.media`: how pictures and videos from folders become samples of one size.
public struct MediaConfiguration: Codable, Sendable, Equatable, ValidatedSection {
    /// Which part of a video that has more frames than a sample is taken for training.
    public enum Window: String, Codable, Sendable, CaseIterable {
        /// Another part in each epoch.
        case random
        /// The middle.
        case center
    }

    /// The rows and columns of a sample.
    public var size = 64
    /// The short side to which pictures are resized before the middle is cut out; without it `size`.
    public var shortSide: Nullable<Int> = nil
    /// The largest number of frames of a clip.
    public var frames = 16
    /// Takes every so many-th frame of a video; without it and `rate` a clip's frames spread over the whole video.
    public var stride: Nullable<Int> = nil
    /// Takes so many frames of each second of a video.
    public var rate: Nullable<Double> = nil
    /// Which part of a longer video is taken for training; a test takes the middle.
    public var window = Window.random
    /// The folder for decoded frames; without it they are decoded in each epoch.
    public var cache: Nullable<String> = nil
    /// The bound of that folder's size, in gigabytes (10⁹ bytes).
    public var cacheGB: Double = 4

    /// The defaults.
    public init() {}

    enum CodingKeys: String, CodingKey {
        case size, frames, stride, rate, window, cache
        case shortSide = "short_side"
        case cacheGB = "cache_gb"
    }

    /// What is wrong with the values, by key.
    public func problems() -> [(key: String, problem: String)] {
        var problems: [(key: String, problem: String)] = []
        func check(_ key: String, _ isRight: Bool, _ expectation: String, _ found: Any) {
            if !isRight { problems.append((key, "must be \(expectation), found \(found)")) }
        }
        check("size", (1...4096).contains(size), "between 1 and 4096", size)
        if let side = shortSide.value {
            check("short_side", (size...8192).contains(side), "null or between size (\(size)) and 8192", side)
        }
        check("frames", (1...4096).contains(frames), "between 1 and 4096", frames)
        if let stride = stride.value { check("stride", stride >= 1, "null or at least 1", stride) }
        if let rate = rate.value {
            check("rate", rate > 0 && rate.isFinite, "null or above 0", rate)
            if stride.value != nil { problems.append(("rate", "must be null when there is a stride")) }
        }
        if cache.value?.isEmpty == true {
            problems.append(("cache", "names no folder, it is empty; write null or a folder"))
        }
        check("cache_gb", cacheGB >= 0 && cacheGB <= 1e6, "between 0 and 1000000", cacheGB)
        return problems
    }
}
