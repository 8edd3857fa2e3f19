"""Works that a report cites, numbered by first mention; only those that a run used are listed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Source:
    """One work as the list of sources shows it; without authors, only its title."""

    authors: str
    year: str
    title: str
    where: str = ""
    link: str = ""

    @property
    def line(self) -> str:
        """Return `J. Ho, A. Jain, P. Abbeel (2020): Denoising …, NeurIPS 33, arXiv:2006.11239`."""
        where = f", {self.where}" if self.where else ""
        return f"{self.authors} ({self.year}): {self.title}{where}" if self.authors else self.title


def _paper(authors: str, year: str, title: str, where: str, arxiv: str) -> Source:
    return Source(authors, year, title, f"{where}, arXiv:{arxiv}", f"https://arxiv.org/abs/{arxiv}")


SOURCES: dict[str, Source] = {
    "ddpm": _paper(
        "J. Ho, A. Jain, P. Abbeel", "2020", "Denoising Diffusion Probabilistic Models",
        "NeurIPS 33", "2006.11239",
    ),
    "sohl-dickstein": _paper(
        "J. Sohl-Dickstein, E. Weiss, N. Maheswaranathan, S. Ganguli", "2015",
        "Deep Unsupervised Learning using Nonequilibrium Thermodynamics", "ICML", "1503.03585",
    ),
    "unet": _paper(
        "O. Ronneberger, P. Fischer, T. Brox", "2015",
        "U-Net: Convolutional Networks for Biomedical Image Segmentation", "MICCAI", "1505.04597",
    ),
    "attention": _paper(
        "A. Vaswani, N. Shazeer, N. Parmar, J. Uszkoreit, L. Jones, A. Gomez, L. Kaiser, I. Polosukhin",
        "2017", "Attention Is All You Need", "NeurIPS 30", "1706.03762",
    ),
    "patch": _paper(
        "W. Shi, J. Caballero, F. Huszár, J. Totz, A. Aitken, R. Bishop, D. Rueckert, Z. Wang",
        "2016", "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel "
        "Convolutional Neural Network", "CVPR", "1609.05158",
    ),
    "adm": _paper(
        "P. Dhariwal, A. Nichol", "2021", "Diffusion Models Beat GANs on Image Synthesis",
        "NeurIPS 34", "2105.05233",
    ),
    "dit": _paper(
        "W. Peebles, S. Xie", "2023", "Scalable Diffusion Models with Transformers", "ICCV", "2212.09748",
    ),
    "uvit": _paper(
        "F. Bao, S. Nie, K. Xue, Y. Cao, C. Li, H. Su, J. Zhu", "2023",
        "All are Worth Words: A ViT Backbone for Diffusion Models", "CVPR", "2209.12152",
    ),
    "rotary": _paper(
        "J. Su, Y. Lu, S. Pan, A. Murtadha, B. Wen, Y. Liu", "2021",
        "RoFormer: Enhanced Transformer with Rotary Position Embedding", "Neurocomputing 568",
        "2104.09864",
    ),
    "self-conditioning": _paper(
        "T. Chen, R. Zhang, G. Hinton", "2023",
        "Analog Bits: Generating Discrete Data using Diffusion Models with Self-Conditioning", "ICLR",
        "2208.04202",
    ),
    "ddo": _paper(
        "K. Zheng, Y. Chen, H. Chen, G. He, M.-Y. Liu, J. Zhu, Q. Zhang", "2025",
        "Direct Discriminative Optimization: Your Likelihood-Based Visual Generative Model is Secretly a GAN "
        "Discriminator", "ICML", "2503.01103",
    ),
    "drifting": _paper(
        "M. Deng, H. Li, T. Li, Y. Du, K. He", "2026", "Generative Modeling via Drifting", "arXiv",
        "2602.04770",
    ),
    "immiscible": _paper(
        "Y. Li, H. Jiang, A. Kodaira, M. Tomizuka, K. Keutzer, C. Xu", "2024",
        "Immiscible Diffusion: Accelerating Diffusion Training with Noise Assignment", "NeurIPS 37",
        "2406.12303",
    ),
    "offset": Source(
        "N. Guttenberg", "2023", "Diffusion with Offset Noise", "",
        "https://www.crosslabs.org/blog/diffusion-with-offset-noise",
    ),
    "huber": _paper(
        "Y. Song, P. Dhariwal", "2023", "Improved Techniques for Training Consistency Models", "ICLR",
        "2310.14189",
    ),
    "cosine": _paper(
        "A. Nichol, P. Dhariwal", "2021", "Improved Denoising Diffusion Probabilistic Models",
        "ICML", "2102.09672",
    ),
    "sigmoid": _paper(
        "A. Jabri, D. Fleet, T. Chen", "2023", "Scalable Adaptive Computation for Iterative Generation",
        "ICML", "2212.11972",
    ),
    "flow": _paper(
        "Y. Lipman, R. Chen, H. Ben-Hamu, M. Nickel, M. Le", "2023",
        "Flow Matching for Generative Modeling", "ICLR", "2210.02747",
    ),
    "edm": _paper(
        "T. Karras, M. Aittala, T. Aila, S. Laine", "2022",
        "Elucidating the Design Space of Diffusion-Based Generative Models", "NeurIPS 35", "2206.00364",
    ),
    "v": _paper(
        "T. Salimans, J. Ho", "2022", "Progressive Distillation for Fast Sampling of Diffusion Models",
        "ICLR", "2202.00512",
    ),
    "min-snr": _paper(
        "T. Hang, S. Gu, C. Li, J. Bao, D. Chen, H. Hu, X. Geng, B. Guo", "2023",
        "Efficient Diffusion Training via Min-SNR Weighting Strategy", "ICCV", "2303.09556",
    ),
    "p2": _paper(
        "J. Choi, J. Lee, C. Shin, S. Kim, H. Kim, S. Yoon", "2022",
        "Perception Prioritized Training of Diffusion Models", "CVPR", "2204.00227",
    ),
    "stratified": _paper(
        "D. Kingma, T. Salimans, B. Poole, J. Ho", "2021", "Variational Diffusion Models",
        "NeurIPS 34", "2107.00630",
    ),
    "ddim": _paper(
        "J. Song, C. Meng, S. Ermon", "2021", "Denoising Diffusion Implicit Models", "ICLR",
        "2010.02502",
    ),
    "ode": _paper(
        "Y. Song, J. Sohl-Dickstein, D. Kingma, A. Kumar, S. Ermon, B. Poole", "2021",
        "Score-Based Generative Modeling through Stochastic Differential Equations", "ICLR",
        "2011.13456",
    ),
    "dpm++": _paper(
        "C. Lu, Y. Zhou, F. Bao, J. Chen, C. Li, J. Zhu", "2022",
        "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
        "preprint", "2211.01095",
    ),
    "unipc": _paper(
        "W. Zhao, L. Bai, Y. Rao, J. Zhou, J. Lu", "2023",
        "UniPC: A Unified Predictor-Corrector Framework for Fast Sampling of Diffusion Models",
        "NeurIPS 36", "2302.04867",
    ),
    "guidance": _paper(
        "J. Ho, T. Salimans", "2022", "Classifier-Free Diffusion Guidance", "NeurIPS workshop",
        "2207.12598",
    ),
    "interval": _paper(
        "T. Kynkäänniemi, M. Aittala, T. Karras, S. Laine, T. Aila, J. Lehtinen", "2024",
        "Applying Guidance in a Limited Interval Improves Sample and Distribution Quality in "
        "Diffusion Models", "NeurIPS 37", "2404.07724",
    ),
    "rescale": _paper(
        "S. Lin, B. Liu, J. Li, X. Yang", "2024",
        "Common Diffusion Noise Schedules and Sample Steps are Flawed", "WACV", "2305.08891",
    ),
    "autoguidance": _paper(
        "T. Karras, M. Aittala, T. Kynkäänniemi, J. Lehtinen, T. Aila, S. Laine", "2024",
        "Guiding a Diffusion Model with a Bad Version of Itself", "NeurIPS 37", "2406.02507",
    ),
    "averaging": Source(
        "B. Polyak, A. Juditsky", "1992", "Acceleration of Stochastic Approximation by Averaging",
        "SIAM Journal on Control and Optimization 30(4), 838-855", "https://doi.org/10.1137/0330046",
    ),
    "lengths": _paper(
        "T. Karras, M. Aittala, J. Lehtinen, J. Hellsten, T. Aila, S. Laine", "2024",
        "Analyzing and Improving the Training Dynamics of Diffusion Models", "CVPR", "2312.02696",
    ),
    "groups": Source(
        "D. Arthur, S. Vassilvitskii", "2007", "k-means++: The Advantages of Careful Seeding", "SODA",
    ),
    "adam": _paper(
        "D. Kingma, J. Ba", "2015", "Adam: A Method for Stochastic Optimization", "ICLR", "1412.6980"
    ),
    "adamw": _paper(
        "I. Loshchilov, F. Hutter", "2019", "Decoupled Weight Decay Regularization", "ICLR",
        "1711.05101",
    ),
    "muon": Source(
        "K. Jordan, Y. Jin, V. Boza, J. You, F. Cesista, L. Newhouse, J. Bernstein", "2024",
        "Muon: An optimizer for hidden layers in neural networks", "",
        "https://kellerjordan.github.io/posts/muon/",
    ),
    "gan": _paper(
        "I. Goodfellow, J. Pouget-Abadie, M. Mirza, B. Xu, D. Warde-Farley, S. Ozair, A. Courville, "
        "Y. Bengio", "2014", "Generative Adversarial Nets", "NeurIPS 27", "1406.2661",
    ),
    "dcgan": _paper(
        "A. Radford, L. Metz, S. Chintala", "2016", "Unsupervised Representation Learning with Deep "
        "Convolutional Generative Adversarial Networks", "ICLR", "1511.06434",
    ),
    "is": _paper(
        "T. Salimans, I. Goodfellow, W. Zaremba, V. Cheung, A. Radford, X. Chen", "2016",
        "Improved Techniques for Training GANs", "NeurIPS 29", "1606.03498",
    ),
    "fd": _paper(
        "M. Heusel, H. Ramsauer, T. Unterthiner, B. Nessler, S. Hochreiter", "2017",
        "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium",
        "NeurIPS 30", "1706.08500",
    ),
    "kid": _paper(
        "M. Bińkowski, D. Sutherland, M. Arbel, A. Gretton", "2018", "Demystifying MMD GANs", "ICLR",
        "1801.01401",
    ),
    "precision": _paper(
        "T. Kynkäänniemi, T. Karras, S. Laine, J. Lehtinen, T. Aila", "2019",
        "Improved Precision and Recall Metric for Assessing Generative Models", "NeurIPS 32",
        "1904.06991",
    ),
    "density": _paper(
        "M. Naeem, S. Oh, Y. Uh, Y. Choi, J. Yoo", "2020",
        "Reliable Fidelity and Diversity Metrics for Generative Models", "ICML", "2002.09797",
    ),
    "copies": Source(
        "T. Yoon, J. Choi, S. Kwon, E. Ryu", "2023",
        "Diffusion Probabilistic Models Generalize when They Fail to Memorize", "ICML workshop",
    ),
    "colorfulness": Source(
        "D. Hasler, S. Süsstrunk", "2003", "Measuring Colourfulness in Natural Images",
        "SPIE 5007, 87-95", "https://doi.org/10.1117/12.477378",
    ),
    "bootstrap": Source(
        "B. Efron", "1979", "Bootstrap Methods: Another Look at the Jackknife",
        "Annals of Statistics 7(1), 1-26", "https://doi.org/10.1214/aos/1176344552",
    ),
    "newcombe": Source(
        "R. Newcombe", "1998", "Interval Estimation for the Difference between Independent "
        "Proportions: Comparison of Eleven Methods", "Statistics in Medicine 17(8), 873-890",
    ),
    "zou-donner": Source(
        "G. Zou, A. Donner", "2008", "Construction of Confidence Limits about Effect Measures: A "
        "General Approach", "Statistics in Medicine 27(10), 1693-1702",
        "https://doi.org/10.1002/sim.3095",
    ),
    "inception": _paper(
        "C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna", "2016",
        "Rethinking the Inception Architecture for Computer Vision", "CVPR", "1512.00567",
    ),
    "dino": _paper(
        "M. Oquab and others", "2024", "DINOv2: Learning Robust Visual Features without Supervision",
        "TMLR", "2304.07193",
    ),
    "self": _paper(
        "T. Chen, S. Kornblith, M. Norouzi, G. Hinton", "2020",
        "A Simple Framework for Contrastive Learning of Visual Representations", "ICML", "2002.05709",
    ),
    "pytorch": _paper(
        "A. Paszke and others", "2019",
        "PyTorch: An Imperative Style, High-Performance Deep Learning Library", "NeurIPS 32",
        "1912.01703",
    ),
    "numpy": Source(
        "C. Harris and others", "2020", "Array programming with NumPy", "Nature 585, 357-362",
        "https://doi.org/10.1038/s41586-020-2649-2",
    ),
    "matplotlib": Source(
        "J. Hunter", "2007", "Matplotlib: A 2D Graphics Environment",
        "Computing in Science & Engineering 9(3), 90-95", "https://doi.org/10.1109/MCSE.2007.55",
    ),
    "studio": Source(
        "the ddpm-studio contributors", "2026", "ddpm-studio: small diffusion models on a laptop",
        "software, MIT license",
    ),
}  # fmt: skip


@dataclass
class Citations:
    """Numbers of cited sources, in the order of first mention."""

    extra: dict[str, Source] = field(default_factory=dict)  # more sources, by key: data sets
    order: list[str] = field(default_factory=list)

    def __call__(self, *keys: str) -> str:
        """Return the citation of sources, such as ` [1, 3]`; "" for no key."""
        wanted = [key for key in dict.fromkeys(keys) if key]
        self.order += [key for key in wanted if key not in self.order]
        numbers = sorted(self.order.index(key) + 1 for key in wanted)
        return f" [{', '.join(map(str, numbers))}]" if numbers else ""

    def listed(self) -> list[Source]:
        """Return the sources cited so far, in the order of their numbers."""
        known = {**SOURCES, **self.extra}
        return [known[key] for key in self.order]
