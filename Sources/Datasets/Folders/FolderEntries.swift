import Foundation

extension MediaFolder {
    /// Pictures in class folders, in the catalogue.
    public static let imageFolder = DatasetEntry(
        name: "image_folder", summary: "pictures in folders named after their classes: JPEG, PNG, BMP, WebP, TIFF, GIF",
        augment: [HorizontalFlip()]
    ) { (configuration, folder) throws(DatasetError) in
        try MediaFolder("image_folder", .images, at: folder, configuration)
    }

    /// Videos in class folders, in the catalogue.
    public static let videoFolder = DatasetEntry(
        name: "video_folder", summary: "videos in folders named after their classes: MP4, AVI, MOV, MKV, WebM and more",
        augment: [HorizontalFlip()]
    ) { (configuration, folder) throws(DatasetError) in
        try MediaFolder("video_folder", .videos, at: folder, configuration)
    }

    /// UCF-101, whole or a part of it, in the catalogue.
    ///
    /// - Source: Soomro, Zamir and Shah 2012, "UCF101: a dataset of 101 human action classes from videos in the wild".
    public static let ucf101 = DatasetEntry(
        name: "ucf101", summary: "videos of human actions, 101 classes or some of them, split by group of recording",
        augment: [HorizontalFlip()]
    ) { (configuration, folder) throws(DatasetError) in
        try MediaFolder("ucf101", .videos, at: ucfFolder(in: folder), configuration)
    }

    /// The first folder in `folder` whose name begins with `ucf101` or `UCF-101`.
    private static func ucfFolder(in folder: String) throws(DatasetError) -> String {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let own = names.sorted().first { isUCF($0) && FileManager.default.fileExists(atPath: "\(folder)/\($0)/.") }
        guard let own else {
            throw DatasetError(
                file: folder, problem: "holds no folder whose name begins with 'ucf101' or 'UCF-101'",
                remedy: "run 'convoy data fetch ucf101'")
        }
        return folder + "/" + own
    }

    /// Whether a folder of this name holds UCF-101 or a part of it.
    static func isUCF(_ name: String) -> Bool { name.lowercased().replacing("-", with: "").hasPrefix("ucf101") }
}
