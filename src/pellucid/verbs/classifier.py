"""One estimator with scikit-learn's words, for pipelines and cross-validation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from pellucid.datasets._splits import split
from pellucid.engines.engine import engine
from pellucid.errors import DataError
from pellucid.images import Dataset, Images, Scaling, Splits
from pellucid.spec.progressive import check_progressive
from pellucid.spec.recipe import Recipe
from pellucid.training.fit import fit
from pellucid.training.stopping import best_epoch
from pellucid.verbs.options import network_named


class Classifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A network as a scikit-learn estimator; nothing is written to disk.

    X: images N x H x W or N x H x W x C (C of 1 or 3), or N x features with image_shape given; uint8, or numbers from
    0 to 1, or 0 to 255 if `fit` sees one above 1. y: labels of any kind, one an image.

    network: a name of the catalogue or a `Network`; network_options: its options. optimizer, lr, epochs, batch_size:
    as in `Recipe`; recipe_options: any other field of it. validation_fraction: share of the images, drawn by class,
    that chooses the best epoch; 0 keeps the last. image_shape: height, width, channels of a flat row of X.

    After `fit`: classes_ (labels in the order of the columns of predict_proba), n_features_in_, history_ (one dict an
    epoch).
    """

    def __init__(
        self,
        network: Any = "lenet5",
        *,
        network_options: dict[str, Any] | None = None,
        optimizer: str = "adam",
        lr: float = 0.001,
        epochs: int = 5,
        batch_size: int = 64,
        recipe_options: dict[str, Any] | None = None,
        validation_fraction: float = 0.1,
        image_shape: tuple[int, int, int] | None = None,
        seed: int = 0,
        threads: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.network = network
        self.network_options = network_options
        self.optimizer = optimizer
        self.lr = lr
        self.epochs = epochs
        self.batch_size = batch_size
        self.recipe_options = recipe_options
        self.validation_fraction = validation_fraction
        self.image_shape = image_shape
        self.seed = seed
        self.threads = threads
        self.device = device

    def fit(self, X: ArrayLike, y: ArrayLike) -> Classifier:  # noqa: N803
        """Trains on images X and labels y; see the class for their forms.

        Raises DataError for shapes that are not images' or fewer than two classes.
        """
        array = np.asarray(X)
        # settled here, so that predict reads numbers on the same scale
        self._factor = 255 if array.dtype != np.uint8 and array.size and array.max() <= 1 else 1
        pixels = self._pixels(X)
        self.classes_, labels = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(f"y: expected two classes or more, found {len(self.classes_)}.")
        images = Images(pixels, labels.astype(np.int64), tuple(map(str, self.classes_)))
        splits = self._split(images)
        recipe = Recipe(
            optimizer=self.optimizer,
            lr=self.lr,
            epochs=self.epochs,
            batch_size=self.batch_size,
            **(self.recipe_options or {}),
        )
        network = network_named(self.network, self.network_options or {}, images.shape, len(self.classes_))
        recipe.augmentation.suits(images.shape)
        check_progressive(recipe, network, images.shape)
        chosen = engine("pytorch")
        self.history_: list[dict[str, Any]] = []
        records = []
        with chosen.threads(self.threads):
            trainer = chosen.trainer(
                network,
                splits.train,
                splits.scaling,
                recipe,
                seed=self.seed,
                device=chosen.choose_device(self.device),
            )
            best = trainer.weights()
            for record, _ in fit(trainer, splits, recipe):
                records.append(record)
                self.history_.append(record.to_dict())
                if best_epoch(recipe, records) == record.epoch:
                    best = trainer.weights()
            trainer.load_weights(best)
        self._model = chosen.model(network, images.shape, splits.scaling, best)
        self._shape = images.shape
        self.n_features_in_ = int(np.prod(images.shape))
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Probabilities N x classes, columns as in classes_."""
        from scipy.special import softmax

        check_is_fitted(self)
        pixels = self._pixels(X)
        if pixels.shape[1:] != self._shape:
            raise DataError(f"X: expected images of shape {self._shape} as in fit, found {pixels.shape[1:]}.")
        images = Images(pixels, np.zeros(len(pixels), np.int64), tuple(map(str, self.classes_)))
        found: NDArray[np.float64] = softmax(self._model.logits(images).astype(np.float64), axis=1)
        return found

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """The most probable label of each image."""
        found: NDArray[Any] = self.classes_[self.predict_proba(X).argmax(axis=1)]
        return found

    def _split(self, images: Images) -> Splits:
        scaling = Scaling.unit(images.shape[2])
        size = round(self.validation_fraction * len(images))
        if not size:
            empty = images.take(np.arange(0))
            return Splits(images, empty, empty, scaling)
        dataset = Dataset("arrays", images, test=images.take(np.arange(0)))
        train, validation, test = split(dataset, validation_size=size, test_size=None, seed=self.seed)
        return Splits(train, validation, test, scaling)

    def _pixels(self, X: ArrayLike) -> NDArray[np.uint8]:  # noqa: N803
        array = np.asarray(X)
        if array.ndim == 2 and self.image_shape is not None:
            array = array.reshape(len(array), *self.image_shape)
        if array.ndim == 3:
            array = array[..., None]
        if array.ndim != 4 or array.shape[3] not in (1, 3):
            raise DataError(
                f"X: expected images N x H x W or N x H x W x C, found shape {array.shape}. For rows of pixels give "
                "image_shape=(height, width, channels)."
            )
        if array.dtype == np.uint8:
            return array
        if not np.isfinite(array).all():
            raise DataError("X: expected finite numbers, found NaN or infinity.")
        top = 255 / self._factor
        if array.min(initial=0) < 0 or array.max(initial=0) > top:
            raise DataError(f"X: expected pixels from 0 to {top:g}, found {array.min():g} to {array.max():g}.")
        pixels: NDArray[np.uint8] = np.rint(array * self._factor).astype(np.uint8)
        return pixels
