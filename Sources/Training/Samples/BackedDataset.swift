import Datasets

/// A worker's own copy of the data set; samples that it cannot read come from the coordinator.
package final class BackedDataset: Dataset {
    private let own: any Dataset
    private let backup: StreamedDataset
    private let log: @Sendable (String) -> Void

    /// Reads from `own`, and what fails from `backup`; each such sample is a line of `log`.
    package init(_ own: any Dataset, backup: StreamedDataset, log: @escaping @Sendable (String) -> Void) {
        self.own = own
        self.backup = backup
        self.log = log
    }

    package var name: String { own.name }
    package var classes: [String] { own.classes }
    package var digest: String { own.digest }
    package var sampleShape: SampleShape { own.sampleShape }
    package var normalization: Normalization { own.normalization }

    package func count(_ split: Split) -> Int { own.count(split) }
    package func frames(_ index: Int, of split: Split) -> Int { own.frames(index, of: split) }

    package func read(_ index: Int, of split: Split, into sample: inout Sample) throws(DatasetError) {
        try read(index, of: split, at: 0.5, into: &sample)
    }

    package func read(
        _ index: Int, of split: Split, at moment: Float, into sample: inout Sample
    ) throws(DatasetError) {
        do throws(DatasetError) {
            try own.read(index, of: split, at: moment, into: &sample)
        } catch {
            let cause = error
            do throws(DatasetError) {
                try backup.read(index, of: split, at: moment, into: &sample)
            } catch {
                // The own file is what to mend.
                throw cause
            }
            log("\(cause); sample \(index) of the \(split) split comes from the coordinator instead")
        }
    }
}
