import Configuration
import Foundation

/// Finds out which data set a path holds.
public enum DatasetDetection {
    /// The configuration that opens what lies at `path`: a data set's own folder, the folder around it, a folder of class
    /// folders, or the name of a built-in data set.
    ///
    /// - Throws: When nothing that is known is there.
    public static func configuration(at path: String) throws(DatasetError) -> DataConfiguration {
        var configuration = DataConfiguration()
        if path == "shapes" || path == "moving_shapes" {
            configuration.name = path
            return configuration
        }
        let url = URL(fileURLWithPath: path).standardizedFileURL
        for (name, source) in DatasetSource.all.sorted(by: { $0.key < $1.key }) {
            let isOwn =
                url.lastPathComponent == source.folder || MediaFolder.isUCF(url.lastPathComponent) && name == "ucf101"
            if isOwn || FileManager.default.fileExists(atPath: url.path + "/" + source.folder) {
                configuration.name = name
                configuration.path.value = isOwn ? url.deletingLastPathComponent().path : url.path
                return configuration
            }
        }
        var count = [MediaFolder.Kind.images: 0, .videos: 0]
        let files = FileManager.default.enumerator(atPath: url.path)
        // A few hundred files tell.
        for _ in 0..<500 {
            guard let file = files?.nextObject() as? String else { break }
            let ending = URL(fileURLWithPath: file).pathExtension.lowercased()
            for kind in count.keys where kind.endings.contains(ending) { count[kind, default: 0] += 1 }
        }
        let (images, videos) = (count[.images, default: 0], count[.videos, default: 0])
        guard images + videos > 0 else {
            throw DatasetError(
                file: path, problem: "holds no data set that is known",
                remedy: "name a data set's folder, or a folder with a folder of pictures or videos for each class")
        }
        configuration.name = videos > images ? "video_folder" : "image_folder"
        configuration.path.value = url.path
        return configuration
    }
}
